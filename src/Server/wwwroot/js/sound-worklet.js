const BLOCK = 960;

/** Collects samples to blocks of 20 ms: left, then right. */
class Samples extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(2 * BLOCK);
    this.filled = 0;
  }

  process(inputs) {
    const [left, right = left] = inputs[0];
    const count = left?.length ?? 128;
    for (let i = 0; i < count; i++) {
      this.block[this.filled] = left ? left[i] : 0;
      this.block[BLOCK + this.filled] = right ? right[i] : 0;
      if (++this.filled === BLOCK) {
        this.port.postMessage(this.block, [this.block.buffer]);
        this.block = new Float32Array(2 * BLOCK);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('samples', Samples);
