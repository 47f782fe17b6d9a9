import { $, say } from './dom.js';

const LONGEST_GAP = 3000;
const MOST_TAPS = 8;
const SEND_EVERY = 50;
const SETTLES = 3000;
const SILENT = 0xf0;
const MOVE_EVERY = 120;
const BRUSH = [32, 20];
const BRUSH_RADIUS = 2.2;
const REGIONS = { map: 'brush', face: 'face', mask: 'mask' };

// Something that the list does not have, such as a controller, is added to it.
function choose(id, value) {
  if (document.activeElement === $(id)) return;
  if (![...$(id).options].some((option) => option.value === value)) $(id).add(new Option(value, value));
  $(id).value = value;
}

/** Tempo, what noise follows, and this device's MIDI, as commands of the session. */
export class Play {
  constructor(controls) {
    this.controls = controls;
    this.taps = [];
    this.moved = new Map();
    this.access = null;
    this.painted = new Uint8Array(BRUSH[0] * BRUSH[1]);
    $('tap').addEventListener('click', () => this.tap());
    $('quantize').addEventListener('change', () => this.#tell(`quantize ${$('quantize').value}`));
    $('follow').addEventListener('change', () => this.#follow());
    $('midi').addEventListener('click', () => this.#connect());
    $('learn').addEventListener('click', () => this.#learn());
    $('repaint').addEventListener('change', () => this.#repaint());
    $('stage').addEventListener('pointermove', (event) => this.#point(event));
    $('command').addEventListener('keydown', (event) => this.#typed(event));
  }

  /** Another session: what it has, not what was chosen for the one before. */
  attach(session) {
    this.detach();
    this.take(session.controls?.standing);
  }

  detach() {
    clearTimeout(this.moving);
    [this.moving, this.toldAt, this.taps, this.painted] = [null, undefined, [], new Uint8Array(BRUSH[0] * BRUSH[1])];
    this.take();
  }

  /** Shows what holds in the session, whoever brought it about; nothing for none. */
  take(standing = []) {
    // What its user has just chosen has not reached the picture yet.
    if (performance.now() - (this.toldAt ?? -SETTLES) < SETTLES) return;
    const find = (pattern) => standing.map((line) => line.match(pattern)).find(Boolean)?.[1];
    const tempo = find(/^tempo ([\d.]+)/);
    $('tempo').textContent = `${tempo ?? 120} a minute`;
    choose('quantize', find(/^quantize (\S+)/) ?? 'off');
    choose('follow', find(/^map (\S+) noise/) ?? '');
    const region = find(/^region (\S+)/);
    choose('repaint', !region || region === 'off' ? '' : REGIONS[region] ?? 'pointer');
  }

  /** In the time of the music, twice or more. */
  tap() {
    const now = performance.now();
    if (now - (this.taps.at(-1) ?? now) > LONGEST_GAP) this.taps = [];
    this.taps = [...this.taps, now].slice(-MOST_TAPS);
    if (this.taps.length < 2) return;
    const bpm = 60000 * (this.taps.length - 1) / (now - this.taps[0]);
    const tempo = Math.min(400, Math.max(20, bpm)).toFixed(1);
    $('tempo').textContent = `${tempo} a minute`;
    this.#tell(`tempo ${tempo} now`);
  }

  // Noise moves within what is of use with the model.
  get #range() { return `noise ${$('noise').min} ${$('noise').max}`; }

  #follow() {
    const signal = $('follow').value;
    this.#tell(signal ? `map ${signal} ${this.#range} smooth 0.15s` : 'unmap noise');
  }

  async #learn() {
    if (await this.#tell(`learn ${this.#range}`)) $('midiText').textContent = 'move a controller';
  }

  async #typed(event) {
    if (event.key !== 'Enter') return;
    event.preventDefault();
    if (await this.#tell($('command').value)) $('command').value = '';
  }

  #repaint() {
    // Its file is named by a command.
    if (this.how === 'mask') return;
    this.painted = new Uint8Array(BRUSH[0] * BRUSH[1]);
    this.#tell(this.how === 'brush' ? this.#brushed : this.how === 'face' ? 'region face feather 0.2 exact'
      : this.how ? this.#around(0.5, 0.5) : 'region off');
  }

  get how() { return $('repaint').value; }

  get #brushed() { return `region map ${BRUSH.join('x')} ${btoa(String.fromCharCode(...this.painted))} exact`; }

  #around(x, y) { return `region ellipse ${x.toFixed(3)} ${y.toFixed(3)} 0.2 0.28 feather 0.2 exact`; }

  // A brush paints while it is pressed; a region follows the pointer in any case.
  #point({ clientX, clientY, buttons }) {
    if (!['pointer', 'brush'].includes(this.how) || !this.controls.session || (this.how === 'brush' && !buttons)) return;
    const { left, top, width, height } = $('after').getBoundingClientRect();
    const [x, y] = [(clientX - left) / width, (clientY - top) / height];
    if (x < 0 || x > 1 || y < 0 || y > 1) return;
    if (this.how === 'brush') this.#paint(x * BRUSH[0], y * BRUSH[1]);
    this.place = [x, y];
    this.moving ??= setTimeout(() => {
      this.moving = null;
      if (['pointer', 'brush'].includes(this.how)) this.#tell(this.how === 'brush' ? this.#brushed : this.#around(...this.place));
    }, MOVE_EVERY);
  }

  #paint(x, y) {
    for (let row = 0; row < BRUSH[1]; row++) {
      for (let column = 0; column < BRUSH[0]; column++) {
        const near = 1 - Math.hypot(column + 0.5 - x, row + 0.5 - y) / BRUSH_RADIUS;
        const at = row * BRUSH[0] + column;
        this.painted[at] = Math.max(this.painted[at], Math.min(255, 400 * near));
      }
    }
  }

  #tell(command) {
    if (!this.controls.session) {
      say('Nothing runs yet: choose a picture first.', true);
      return Promise.resolve(false);
    }
    this.toldAt = performance.now();
    return this.controls.tell({ commands: [command] });
  }

  async #connect() {
    if (!navigator.requestMIDIAccess) {
      say('This browser has no Web MIDI; Chromium and Firefox have, on this machine or by HTTPS.', true);
      return;
    }
    try {
      this.access = await navigator.requestMIDIAccess();
    } catch {
      say('The browser was not allowed to use MIDI.', true);
      return;
    }
    const listen = () => {
      const inputs = [...this.access.inputs.values()];
      for (const input of inputs) input.onmidimessage = ({ data }) => this.#take(data);
      $('midiText').textContent = inputs.length ? inputs.map((input) => input.name).join(', ') : 'no controller is there';
    };
    this.access.onstatechange = listen;
    listen();
    $('learn').disabled = false;
  }

  #take([status, number, value = 0]) {
    if (status >= SILENT) return;
    const kind = status & SILENT;
    const [name, now] = kind === 0x90 ? [`midi.note${number}`, value]
      : kind === 0x80 ? [`midi.note${number}`, 0]
        : kind === 0xb0 ? [`midi.cc${number}`, value]
          : kind === 0xe0 ? ['midi.bend', value]
            : kind === 0xd0 ? ['midi.pressure', number] : [null, 0];
    if (!name) return;
    // A key that was pressed and let go meanwhile was pressed all the same.
    if (!now && this.moved.get(name) > 0) this.released = [...this.released ?? [], name];
    else this.moved.set(name, now / 127);
    this.timer ??= setTimeout(() => this.#send(), SEND_EVERY);
  }

  #send() {
    this.timer = null;
    const commands = [...this.moved].map(([name, value]) => `signal ${name} ${value.toFixed(4)}`);
    this.moved.clear();
    for (const name of this.released ?? []) this.moved.set(name, 0);
    this.released = [];
    if (this.moved.size) this.timer = setTimeout(() => this.#send(), SEND_EVERY);
    if (commands.length && this.controls.session) this.controls.tell({ commands });
  }
}
