import { $ } from './dom.js';
import { Viewer, choosePlayer } from './viewer.js';

const MOST_KEPT = 120;

/** What goes in, over what comes out, left of a line. Each frame is shown with the one that was made from it. */
export class Compare {
  constructor() {
    this.frames = [];
    const split = $('split');
    split.addEventListener('input', () => $('stage').style.setProperty('--split', `${split.value}%`));
    $('stage').style.setProperty('--split', '50%');
  }

  get isOn() { return !!this.viewer; }

  /** Shows it, beside a player of what comes out. */
  open(name, after) {
    this.close();
    const Player = choosePlayer();
    const player = new Player($('before'));
    this.viewer = new Viewer(name, 'source', player);
    this.after = after;
    // They come before their restyled ones, and wait for them.
    player.onFrame = (frame) => {
      createImageBitmap(frame).then((bitmap) => {
        this.frames.push({ time: frame.timestamp, bitmap });
        while (this.frames.length > MOST_KEPT) this.frames.shift().bitmap.close();
      }).catch(() => {}).finally(() => frame.close());
      return true;
    };
    after.onDrawn = (time) => this.#show(player, time);
    for (const id of ['before', 'split', 'line', 'tagBefore', 'tagAfter']) $(id).hidden = false;
    if (player.element !== $('before')) $('before').hidden = true;
  }

  close() {
    if (!this.viewer) return;
    this.viewer.close();
    this.viewer = null;
    this.after.onDrawn = null;
    for (const { bitmap } of this.frames) bitmap.close();
    this.frames = [];
    for (const id of ['before', 'split', 'line', 'tagBefore', 'tagAfter']) $(id).hidden = true;
  }

  #show(player, time) {
    let shown = null;
    // Half a frame early is the same frame.
    while (this.frames.length && this.frames[0].time <= time + 8000) {
      shown?.bitmap.close();
      shown = this.frames.shift();
    }
    if (!shown) return;
    player.draw(shown.bitmap);
    shown.bitmap.close();
  }
}
