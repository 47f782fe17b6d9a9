// Enough for the jitter of a wireless network; sound that hurries stutters, sound that waits is only late.
const HELD = 0.08;
const LATEST = 0.4;

/** Decodes Opus and plays it; silent until somebody wants to hear it, as browsers demand. */
export class SoundPlayer {
  begin(format) {
    this.#end();
    this.format = format;
  }

  /** Starts or stops to be heard. */
  async hear(isHeard) {
    this.isHeard = isHeard && !!this.format && 'AudioDecoder' in window;
    if (!this.isHeard) {
      this.#end();
      return false;
    }
    this.context = new AudioContext({ latencyHint: 'interactive', sampleRate: this.format.sampleRate });
    await this.context.resume();
    this.decoder = new AudioDecoder({ output: (sound) => this.#play(sound), error: () => {} });
    this.decoder.configure({ codec: this.format.codec, sampleRate: this.format.sampleRate, numberOfChannels: this.format.channels });
    this.offset = null;
    return true;
  }

  add(packet) {
    if (this.decoder?.state === 'configured') {
      this.decoder.decode(new EncodedAudioChunk({ type: 'key', timestamp: packet.time, data: packet.data }));
    }
  }

  close() { this.#end(); }

  #play(sound) {
    const { context } = this;
    if (context?.state !== 'running') {
      sound.close();
      return;
    }
    const buffer = context.createBuffer(sound.numberOfChannels, sound.numberOfFrames, sound.sampleRate);
    for (let channel = 0; channel < sound.numberOfChannels; channel++) {
      sound.copyTo(buffer.getChannelData(channel), { planeIndex: channel, format: 'f32-planar' });
    }
    const time = sound.timestamp / 1e6;
    sound.close();
    const now = context.currentTime;
    let at = this.offset === null ? -1 : time + this.offset;
    if (at < now || at > now + LATEST) {
      this.offset = now + HELD - time;
      at = now + HELD;
    }
    const source = context.createBufferSource();
    source.buffer = buffer;
    source.connect(context.destination);
    source.start(at);
  }

  #end() {
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.context?.close();
    this.decoder = null;
    this.context = null;
  }
}
