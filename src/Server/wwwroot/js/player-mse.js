import { join, Mp4Muxer } from './mp4.js';

const BEHIND = 0.1;
const TOO_FAR = 0.6;
const KEPT = 10;

/** For browsers without WebCodecs: the same packets as pieces of a file for a video element, which adds some tenths of a second. */
export class MsePlayer {
  /** @param {HTMLCanvasElement} canvas whose place a video element takes */
  constructor(canvas) {
    this.canvas = canvas;
    this.video = document.createElement('video');
    this.video.muted = true;
    this.video.autoplay = true;
    this.video.playsInline = true;
    this.video.className = canvas.className;
    this.video.setAttribute('aria-label', canvas.getAttribute('aria-label') ?? '');
    canvas.hidden = true;
    canvas.after(this.video);
    this.frames = 0;
    this.waiting = [];
    this.sound = { hear: async (isHeard) => { this.video.muted = !isHeard; return isHeard; } };
    this.onDrawn = null;
    this.onFrame = null;
    this.video.requestVideoFrameCallback?.(() => this.#drawn());
  }

  get element() { return this.video; }

  begin(format) {
    this.format = format;
    const withSound = new Mp4Muxer(format);
    const Source = window.ManagedMediaSource ?? window.MediaSource;
    this.muxer = Source.isTypeSupported(withSound.type) ? withSound : new Mp4Muxer(format, false);
    this.waiting = [];
    this.buffer = null;
    const source = new Source();
    this.video.disableRemotePlayback = true;
    source.addEventListener('sourceopen', () => {
      this.buffer = source.addSourceBuffer(this.muxer.type);
      this.buffer.addEventListener('updateend', () => this.#push());
      this.#push();
    }, { once: true });
    this.video.src = URL.createObjectURL(source);
  }

  add(packet) {
    const hadStart = this.muxer.start !== null;
    this.waiting.push(...this.muxer.add(packet));
    this.#push();
    return hadStart || this.muxer.start !== null;
  }

  close() {
    URL.revokeObjectURL(this.video.src);
    this.video.remove();
    this.canvas.hidden = false;
  }

  #push() {
    if (!this.buffer || this.buffer.updating) return;
    const { video, buffer } = this;
    try {
      if (buffer.buffered.length) {
        const end = buffer.buffered.end(buffer.buffered.length - 1);
        if (end - video.currentTime > TOO_FAR || video.currentTime < buffer.buffered.start(0)) video.currentTime = end - BEHIND;
        if (end - buffer.buffered.start(0) > 2 * KEPT) {
          buffer.remove(0, end - KEPT);
          return;
        }
      }
      if (this.waiting.length) {
        const all = join(...this.waiting);
        this.waiting = [];
        buffer.appendBuffer(all);
      }
      if (video.paused) video.play().catch(() => {});
    } catch {
      // The element was closed meanwhile.
    }
  }

  #drawn() {
    this.frames++;
    this.onDrawn?.(this.video.currentTime * 1e6 + (this.muxer?.start ?? 0));
    this.video.requestVideoFrameCallback?.(() => this.#drawn());
  }
}
