import { KEY, SOUND } from './wire.js';
import { SoundPlayer } from './sound-player.js';

const MOST_WAITING = 12;

/** Decodes packets by WebCodecs and draws each frame as it comes: the server has given them their pace already. */
export class WebCodecsPlayer {
  /** @param {HTMLCanvasElement} canvas where it draws; onFrame(frame) may take a frame before it is drawn, and then closes it. */
  constructor(canvas) {
    this.canvas = canvas;
    this.context = canvas.getContext('2d', { alpha: false, desynchronized: true });
    this.sound = new SoundPlayer();
    this.frames = 0;
    this.needsKey = true;
    this.onFrame = null;
    this.onDrawn = null;
  }

  get element() { return this.canvas; }

  begin(format) {
    this.format = format;
    if (this.canvas.width !== format.width || this.canvas.height !== format.height) {
      this.canvas.width = format.width;
      this.canvas.height = format.height;
    }
    this.#open();
    this.sound.begin(format.sound);
  }

  /** Takes a packet; false when a key frame is needed. */
  add(packet) {
    if (packet.kind === SOUND) {
      this.sound.add(packet);
      return true;
    }
    if (this.decoder?.state !== 'configured') this.#open();
    // A browser that cannot keep up goes on at the next key frame, too.
    if (this.decoder.decodeQueueSize > MOST_WAITING) this.needsKey = true;
    if (this.needsKey && packet.kind !== KEY) return packet.kind === SOUND;
    this.needsKey = false;
    this.decoder.decode(new EncodedVideoChunk({ type: packet.kind === KEY ? 'key' : 'delta', timestamp: packet.time, data: packet.data }));
    return true;
  }

  close() {
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.sound.close();
  }

  #open() {
    if (this.decoder && this.decoder.state !== 'closed') this.decoder.close();
    this.needsKey = true;
    this.decoder = new VideoDecoder({ output: (frame) => this.#show(frame), error: () => { this.needsKey = true; } });
    this.decoder.configure({ codec: this.format.codec, optimizeForLatency: true });
  }

  #show(frame) {
    this.frames++;
    if (this.onFrame?.(frame)) return;
    this.draw(frame);
    const time = frame.timestamp;
    frame.close();
    this.onDrawn?.(time);
  }

  draw(frame) {
    this.context.drawImage(frame, 0, 0, this.canvas.width, this.canvas.height);
  }
}
