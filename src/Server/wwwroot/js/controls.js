import { api } from './api.js';
import { $, make, say, hush } from './dom.js';
import { keep, settings } from './settings.js';

const TYPING_PAUSE = 700;
const SLIDING_PAUSE = 250;
const FRAMES_A_CHUNK = 4;

/** Prompt, styles and sliders: what they say now, and what of it a session is told. */
export class Controls {
  constructor() {
    this.session = null;
    this.fps = 30;
    this.told = {};
    this.timers = {};
    this.styles = [];
    this.loras = new Map();
    $('prompt').addEventListener('input', () => this.#soon('prompt', TYPING_PAUSE));
    $('prompt').addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey) return;
      event.preventDefault();
      this.apply('prompt');
    });
    for (const id of ['noise', 'steps']) $(id).addEventListener('input', () => { this.#show(); this.#soon(id, SLIDING_PAUSE); });
    $('blend').addEventListener('input', () => { keep({ blend: Number($('blend').value) }); this.#show(); });
    $('seed').addEventListener('input', () => this.#soon('seed', TYPING_PAUSE));
    $('dice').addEventListener('click', () => this.roll());
    for (const id of ['size', 'fps', 'deadline', 'gone']) {
      $(id).value = settings[id] || $(id).value;
      $(id).addEventListener('change', () => keep({ [id]: $(id).value.trim() }));
    }
  }

  /** Shows what the model knows, and its ranges. */
  begin(model) {
    this.model = model;
    const noise = $('noise');
    if (model?.usefulNoiseScale?.length === 2) [noise.min, noise.max] = model.usefulNoiseScale;
    $('steps').max = model?.mostSteps ?? 4;
    $('steps').value = settings.steps ?? Math.min(2, model?.mostSteps ?? 2);
    noise.value = settings.noise ?? model?.noiseScale ?? 0.8;
    $('blend').value = settings.blend;
    $('seed').value = settings.seed;
    this.styles = model?.styles ?? [];
    $('prompt').value = settings.prompt || (this.styles[0]?.words?.[0] ?? this.styles[0]?.name ?? '');
    $('prompt').placeholder = this.styles.length ? 'A style, such as those below' : 'Describe what the picture should become';
    $('styles').replaceChildren(...this.styles.map((style) => make('button', {
      type: 'button',
      text: style.name,
      title: style.words?.join(', '),
      'aria-pressed': 'false',
      onclick: () => this.choose(style),
    })));
    this.#show();
  }

  /** From now on a session is told. */
  attach(session) {
    this.session = session.name;
    this.fps = session.fps || 30;
    this.told = {};
    if (session.controls) this.take(session.controls);
  }

  detach() {
    this.session = null;
    this.#takeLoras({});
  }

  /** Shows what a session is steered to, by whomever. */
  take(controls) {
    if (document.activeElement !== $('prompt') && !this.timers.prompt) $('prompt').value = controls.prompt;
    // What its user is about to tell stays as it was entered.
    const set = (id, value) => { if (!this.timers[id] && (id !== 'seed' || document.activeElement !== $(id))) $(id).value = value; };
    set('noise', controls.noiseScale);
    set('steps', controls.steps);
    set('seed', controls.seed);
    this.#takeLoras(controls.loras ?? {});
    this.told = { prompt: controls.prompt, noise: controls.noiseScale, steps: controls.steps, seed: controls.seed };
    this.#show();
  }

  /** What a new session begins with. */
  get wish() {
    const number = (id) => ($(id).value.trim() === '' ? undefined : Number($(id).value));
    return {
      prompt: $('prompt').value.trim(),
      noiseScale: number('noise'),
      steps: number('steps'),
      seed: number('seed'),
      size: $('size').value.trim() || undefined,
      fps: $('fps').value.trim() || undefined,
      deadlineMs: number('deadline'),
    };
  }

  /** Seconds after which a session ends whose browser stays away. */
  get gone() { return Math.max(1, Number($('gone').value) || 60); }

  choose(style) {
    $('prompt').value = style.words?.[0] ?? style.name;
    this.apply('prompt');
  }

  roll() {
    $('seed').value = crypto.getRandomValues(new Uint32Array(1))[0];
    this.apply('seed');
  }

  /** Settings as a preset keeps them; its blend is that of whoever takes it. */
  get preset() {
    const loras = Object.fromEntries([...this.loras].map(([name, { input }]) => [name, Number(input.value)]));
    return {
      prompt: $('prompt').value.trim(),
      noiseScale: Number($('noise').value),
      steps: Number($('steps').value),
      seed: Number($('seed').value),
      loras: Object.keys(loras).length ? loras : undefined,
    };
  }

  /** Chunks of the blend that is chosen. */
  get blendChunks() { return Math.round(Number($('blend').value) * this.fps / FRAMES_A_CHUNK); }

  async usePreset({ name, settings: { prompt, noiseScale, steps, seed } }) {
    for (const id of Object.keys(this.timers)) {
      clearTimeout(this.timers[id]);
      delete this.timers[id];
    }
    if (prompt !== undefined) $('prompt').value = prompt;
    if (noiseScale !== undefined) $('noise').value = noiseScale;
    if (steps !== undefined) $('steps').value = steps;
    if (seed !== undefined) $('seed').value = seed;
    this.#show();
    keep(this.#now);
    if (!this.session) return;
    const told = this.#now;
    this.told = told;
    if (!await this.tell({ preset: name, blend: Math.max(1, this.blendChunks) }) && this.told === told) this.told = {};
  }

  /** Tells the session of changes; false where it cannot make them. */
  async tell(changes) {
    if (!this.session) return false;
    try {
      await api.control(this.session, changes);
      hush();
      return true;
    } catch (error) {
      say(error.message, true);
      return false;
    }
  }

  get #now() {
    return { prompt: $('prompt').value.trim(), noise: Number($('noise').value), steps: Number($('steps').value), seed: Number($('seed').value) };
  }

  /** Tells the session now. */
  async apply(...ids) {
    for (const id of ids) {
      clearTimeout(this.timers[id]);
      delete this.timers[id];
    }
    this.#show();
    const now = this.#now;
    keep(now);
    const changed = ids.filter((id) => this.told[id] !== now[id]);
    if (!this.session || !changed.length) return;
    const changes = {};
    for (const id of changed) changes[id === 'noise' ? 'noiseScale' : id] = now[id];
    if ('prompt' in changes && this.blendChunks > 1) changes.blend = this.blendChunks;
    for (const id of changed) this.told[id] = now[id];
    if (!await this.tell(changes)) for (const id of changed) delete this.told[id];
  }

  #soon(id, pause) {
    clearTimeout(this.timers[id]);
    this.timers[id] = setTimeout(() => this.apply(id), pause);
  }

  // A slider for each LoRA whose strength can change; those that are there stay, somebody may hold one.
  #takeLoras(loras) {
    const names = Object.keys(loras);
    if (names.join('\n') !== [...this.loras.keys()].join('\n')) {
      this.loras = new Map(names.map((name, i) => {
        const id = `lora${i}`;
        const output = make('output', { for: id });
        const input = make('input', { id, type: 'range', min: '-1', max: '2', step: '0.05' });
        input.addEventListener('input', () => {
          output.textContent = Number(input.value).toFixed(2);
          clearTimeout(this.timers[id]);
          this.timers[id] = setTimeout(() => this.#tellLora(name, id), SLIDING_PAUSE);
        });
        const field = make('div', { class: 'field slider' });
        field.append(make('label', { for: id, text: name }), output, input);
        return [name, { field, input, output, id }];
      }));
      $('loras').replaceChildren(...[...this.loras.values()].map(({ field }) => field));
      $('loras').hidden = !names.length;
    }
    for (const [name, { input, output, id }] of this.loras) {
      if (this.timers[id]) continue;
      // Strengths that the slider does not reach are set by other means, and shown.
      input.min = String(Math.min(-1, loras[name]));
      input.max = String(Math.max(2, loras[name]));
      input.value = loras[name];
      output.textContent = loras[name].toFixed(2);
    }
  }

  async #tellLora(name, id) {
    delete this.timers[id];
    await this.tell({ loras: { [name]: Number(this.loras.get(name).input.value) } });
  }

  #show() {
    const blend = Number($('blend').value);
    $('blendText').textContent = blend ? `${blend} s` : 'at once';
    $('noiseText').textContent = Number($('noise').value).toFixed(2);
    $('stepsText').textContent = $('steps').value;
    const prompt = $('prompt').value.trim().toLowerCase();
    for (const [i, button] of [...$('styles').children].entries()) {
      const { name, words = [] } = this.styles[i];
      const isOn = [name, ...words].some((word) => prompt.includes(word.toLowerCase()));
      button.setAttribute('aria-pressed', String(isOn));
    }
  }
}
