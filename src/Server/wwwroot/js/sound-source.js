const RATE = 48000;
// 20 ms: what Opus likes.
const BLOCK = 960;

/** Compresses a source's sound to Opus. Where the browser cannot, there is no sound. */
export class SoundSource {
  /** True where this browser can. */
  static async isPossible() {
    return 'AudioEncoder' in window && 'AudioWorkletNode' in window && (await AudioEncoder.isConfigSupported(SoundSource.#settings).catch(() => ({}))).supported === true;
  }

  static #settings = { codec: 'opus', sampleRate: RATE, numberOfChannels: 2, bitrate: 96000 };

  static format = { codec: 'opus', sampleRate: RATE, channels: 2 };

  /**
   * @param {object} sound of a source: { stream } or { element }
   * @param {(chunk: EncodedAudioChunk) => void} give takes what was compressed; times are those of performance.now(), in microseconds
   */
  static async open(sound, give) {
    const source = new SoundSource();
    source.context = new AudioContext({ sampleRate: RATE, latencyHint: 'interactive' });
    await source.context.audioWorklet.addModule('js/sound-worklet.js');
    source.encoder = new AudioEncoder({ output: give, error: () => {} });
    source.encoder.configure(SoundSource.#settings);
    const node = sound.stream ? source.context.createMediaStreamSource(sound.stream) : elementNode(source.context, sound.element);
    const worklet = new AudioWorkletNode(source.context, 'samples', { numberOfInputs: 1, numberOfOutputs: 1, outputChannelCount: [2] });
    worklet.port.onmessage = (event) => source.#take(event.data);
    // A node that leads nowhere is not run; it gives silence.
    node.connect(worklet).connect(source.context.destination);
    await source.context.resume();
    return source;
  }

  close() {
    if (this.encoder.state !== 'closed') this.encoder.close();
    this.context.close();
  }

  #take(samples) {
    const arrived = performance.now() * 1000 - BLOCK * 1e6 / RATE;
    // Counted from block to block; a gap, or a clock that runs away, is jumped.
    if (this.next === undefined || Math.abs(arrived - this.next) > 150000) this.next = arrived;
    const data = new AudioData({
      format: 'f32-planar', sampleRate: RATE, numberOfFrames: BLOCK, numberOfChannels: 2, timestamp: Math.round(this.next), data: samples,
    });
    this.next += BLOCK * 1e6 / RATE;
    if (this.encoder.state === 'configured') this.encoder.encode(data);
    data.close();
  }
}

// An element gives its sound to one context for ever.
const nodes = new WeakMap();

function elementNode(context, element) {
  if (!nodes.has(element)) nodes.set(element, element.captureStream ? null : context.createMediaElementSource(element));
  return nodes.get(element) ?? context.createMediaStreamSource(element.captureStream());
}
