import { Mp4Muxer } from './mp4.js';

/** Keeps what is watched, as it comes, without compressing it again. */
export class Recorder {
  constructor(viewer) {
    this.viewer = viewer;
    this.parts = [];
    this.muxer = new Mp4Muxer(viewer.format);
    this.began = performance.now();
    viewer.listeners.add(this);
    viewer.askForKey();
  }

  get seconds() { return (performance.now() - this.began) / 1000; }

  get isEmpty() { return this.parts.length === 0; }

  add(packet) { this.parts.push(...this.muxer.add(packet)); }

  /** The file. */
  stop() {
    this.viewer.listeners.delete(this);
    return new Blob(this.parts, { type: 'video/mp4' });
  }
}
