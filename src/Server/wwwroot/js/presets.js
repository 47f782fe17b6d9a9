import { api } from './api.js';
import { $, make, say, download } from './dom.js';

const THUMBNAIL = [160, 96];
const MOST = 200;

/** Presets: kept by the studio, so that every device has them. */
export class Presets {
  /**
   * @param {Controls} controls whose settings they are
   * @param {() => CanvasImageSource | null} picture what is seen now
   */
  constructor(controls, picture) {
    this.controls = controls;
    this.picture = picture;
    this.all = [];
    $('keepPreset').addEventListener('click', () => this.#keep());
    $('exportPresets').addEventListener('click', () => this.#export());
    $('importPresets').addEventListener('click', () => $('presetFile').click());
    $('presetFile').addEventListener('change', (event) => this.#import(event.target));
  }

  async load() {
    try {
      this.all = await api.presets();
    } catch (error) {
      say(error.message, true);
    }
    this.#show();
  }

  async #keep() {
    const name = prompt('Name of the preset', this.controls.preset.prompt.slice(0, 40) || 'Preset')?.trim();
    if (!name) return;
    await this.#put({ name, settings: this.controls.preset, thumbnail: this.#thumbnail() });
    await this.load();
  }

  async #put(preset) {
    try {
      await api.keepPreset(preset);
      return true;
    } catch (error) {
      say(error.message, true);
      return false;
    }
  }

  #thumbnail() {
    const picture = this.picture();
    if (!picture) return undefined;
    const canvas = make('canvas');
    [canvas.width, canvas.height] = THUMBNAIL;
    canvas.getContext('2d').drawImage(picture, 0, 0, ...THUMBNAIL);
    return canvas.toDataURL('image/jpeg', 0.7);
  }

  #export() {
    const presets = this.all.filter((preset) => !preset.builtIn).map(({ name, settings, thumbnail }) => ({ name, settings, thumbnail }));
    download('streamdiff-presets.json', new Blob([JSON.stringify({ presets }, null, 2)], { type: 'application/json' }));
  }

  async #import(input) {
    const file = input.files[0];
    input.value = '';
    if (!file) return;
    let presets;
    try {
      presets = JSON.parse(await file.text()).presets;
      if (!Array.isArray(presets) || !presets.every((p) => typeof p?.name === 'string' && typeof p.settings === 'object')) throw new Error();
    } catch {
      say(`${file.name} holds no presets of StreamDiff Studio.`, true);
      return;
    }
    let kept = 0;
    for (const { name, settings, thumbnail } of presets.slice(0, MOST)) kept += await this.#put({ name, settings, thumbnail }) ? 1 : 0;
    await this.load();
    if (kept === presets.length) say(`${kept} presets imported.`);
  }

  #show() {
    $('presets').replaceChildren(...this.all.map((preset) => make('li', {},
      make('button', { type: 'button', title: preset.settings.prompt, onclick: () => this.controls.usePreset(preset) },
        make('img', { src: preset.thumbnail ?? 'icon.svg', alt: '' }), make('span', { text: preset.name })),
      ...(preset.builtIn ? [] : [make('button', { type: 'button', class: 'drop', 'aria-label': `Delete preset ${preset.name}`, text: '×', onclick: () => this.#drop(preset.name) })]))));
  }

  async #drop(name) {
    if (!confirm(`Delete the preset “${name}”?`)) return;
    await api.dropPreset(name).catch((error) => say(error.message, true));
    await this.load();
  }
}
