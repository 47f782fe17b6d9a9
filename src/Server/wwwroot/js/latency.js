import { readCode, rows } from './timecode.js';

/**
 * Measures the way of a frame from here through the session and back: each frame that is sent carries the time as a pixel code, which is read from what comes back.
 * With a model, the studio must carry the code around it (STREAMDIFF_KEEP_TIME_CODE=1).
 */
export class LatencyProbe {
  constructor({ publisher, viewer }) {
    Object.assign(this, { publisher, viewer, times: [], unread: 0 });
    this.canvas = new OffscreenCanvas(viewer.format.width, rows(viewer.format.height));
    this.context = this.canvas.getContext('2d', { willReadFrequently: true });
    publisher.code = () => Math.round(performance.now());
    const draw = viewer.player.draw.bind(viewer.player);
    viewer.player.draw = (frame) => {
      draw(frame);
      this.#look(frame);
    };
  }

  /** Round trips in milliseconds, each frame once. */
  take() { return this.times.splice(0); }

  #look(frame) {
    const { width, height } = this.viewer.format;
    this.context.drawImage(frame, 0, 0, width, this.canvas.height, 0, 0, width, this.canvas.height);
    const code = readCode(this.context, width, height);
    if (code === null) this.unread++;
    else if (code !== this.last) this.times.push(performance.now() - code);
    this.last = code ?? this.last;
  }
}
