import { api, playKeyOf } from './api.js';
import { $, copy, make, say } from './dom.js';

const EVERY = 2000;
const KEPT = 60;
const MOST_EVENTS = 100;

/** The second screen: all sessions, the device, and what happens. Asks only while it is seen. */
export class Operators {
  constructor() {
    this.cards = new Map();
    $('newForm').addEventListener('submit', (event) => this.#start(event));
  }

  show() {
    $('sessions').hidden = false;
    this.isShown = true;
    this.#ask();
    this.endEvents ??= api.events((event) => this.#happened(event));
  }

  hide() {
    $('sessions').hidden = true;
    this.isShown = false;
    clearTimeout(this.timer);
    this.endEvents?.();
    this.endEvents = null;
  }

  async #ask() {
    clearTimeout(this.timer);
    try {
      const [status, sessions, me] = await Promise.all([api.status(), api.sessions(), this.me ?? api.me()]);
      this.me = me;
      if (!this.isShown) return;
      this.#device(status);
      this.#sessions(sessions);
    } catch (error) {
      say(error.message, true);
    }
    if (this.isShown) this.timer = setTimeout(() => this.#ask(), EVERY);
  }

  #device(status) {
    const { host } = status;
    const facts = {
      Model: status.model ?? 'none',
      Device: [status.device, status.type].filter(Boolean).join(', ') || '—',
      'Load, as predicted': `${Math.round(host.load * 100)} %`,
      Sessions: host.suspended ? `${host.sessions}, ${host.suspended} suspended (${megabytes(host.suspendedBytes)})` : host.sessions,
      Lanes: `${host.lanesLeased} of ${host.lanes}`,
      Caches: megabytes(host.cacheBytes),
      Memory: megabytes(status.residentBytes),
      Up: duration(status.uptimeSeconds),
    };
    $('device').replaceChildren(...Object.entries(facts).map(([name, value]) => make('div', {}, make('dt', { text: name }), make('dd', { text: value }))));
  }

  #sessions(sessions) {
    const live = sessions.filter((s) => s.state !== 'ended');
    $('noSessions').hidden = live.length > 0;
    for (const [name, card] of this.cards) {
      if (live.some((s) => s.name === name)) continue;
      card.element.remove();
      this.cards.delete(name);
    }
    for (const session of live) {
      if (!this.cards.has(session.name)) {
        this.cards.set(session.name, new Card(session.name));
        $('cards').append(this.cards.get(session.name).element);
      }
      this.cards.get(session.name).update(session, playKeyOf(session, this.me));
    }
  }

  async #start(event) {
    event.preventDefault();
    const form = event.target;
    const text = (name) => form.elements[name].value.trim() || undefined;
    const number = (name) => (text(name) === undefined ? undefined : Number(text(name)));
    $('refusal').hidden = true;
    try {
      await api.start({
        name: text('name'), input: text('input'), outputs: text('outputs')?.split('\n').map((o) => o.trim()).filter(Boolean), prompt: text('prompt') ?? '',
        size: text('size'), fps: text('fps'), deadlineMs: number('deadlineMs'), steps: number('steps'),
      });
      form.reset();
      await this.#ask();
    } catch (error) {
      $('refusal').textContent = error.message;
      $('refusal').hidden = false;
    }
  }

  #happened({ at, session, text, isTrouble }) {
    const time = new Date(at);
    $('events').prepend(make('li', { class: isTrouble ? 'bad' : null }, make('time', { datetime: at, text: time.toLocaleTimeString() }),
      `${session ? `${session}: ` : ''}${text}`));
    while ($('events').children.length > MOST_EVENTS) $('events').lastChild.remove();
  }
}

class Card {
  constructor(name) {
    this.name = name;
    this.latencies = [];
    this.image = make('img', { alt: `Picture of session ${name}` });
    // Before the first frame there is none.
    this.image.addEventListener('error', () => { this.image.src = 'icon.svg'; }, { once: false });
    this.title = make('h3');
    this.state = make('span', { class: 'state' });
    this.figures = make('p', { class: 'figures' });
    this.given = make('p', { class: 'given', hidden: true });
    this.reason = make('p', { class: 'refusal', hidden: true });
    this.line = make('polyline');
    this.limit = make('line', { x1: 0, x2: KEPT, y1: 0, y2: 0, visibility: 'hidden' });
    this.plot = make('svg', { viewBox: `0 0 ${KEPT} 40`, preserveAspectRatio: 'none', role: 'img' }, this.limit, this.line);
    this.bars = make('div', { class: 'bars' });
    this.players = make('input', { readonly: true });
    this.element = make('article', { class: 'card', 'aria-label': `Session ${name}` }, this.image,
      make('div', { class: 'body' },
        make('div', { class: 'row spread' }, this.title, this.state),
        this.figures, this.plot, this.bars, this.given, this.reason,
        make('label', {}, 'For players (HLS) ',
          make('span', { class: 'row' }, this.players,
            make('button', { type: 'button', class: 'small', text: 'Copy', 'aria-label': `Copy the address of session ${name} for players`, onclick: () => copy(this.players) }))),
        make('div', { class: 'row' },
          make('a', { href: `#session=${encodeURIComponent(name)}`, text: 'Watch and steer' }),
          make('span', { class: 'grow' }),
          make('button', { type: 'button', class: 'danger small', text: 'Stop', 'aria-label': `Stop session ${name}`, onclick: () => this.#stop() }))));
  }

  update({ state, reason, size, model, deadlineMs, status, controls }, playKey) {
    // Not written again while somebody marks it.
    const address = api.playlist(this.name, playKey);
    if (this.players.value !== address) this.players.value = address;
    this.title.textContent = this.name;
    this.state.textContent = status?.source ?? state;
    this.state.className = `state ${status?.source ?? state}`;
    this.reason.textContent = reason ?? '';
    this.reason.hidden = !reason;
    if (!status) return;
    if (status.framesOut > 0) this.image.src = api.snapshot(this.name);
    const ms = (value) => `${Math.round(value)}`;
    this.figures.textContent = `${status.fpsNew.toFixed(1)} fps of ${status.fpsIn.toFixed(1)} · ${size ?? ''} · ${model}\n`
      + `latency ${ms(status.latencyP50Ms)} / ${ms(status.latencyP95Ms)} / ${ms(status.latencyP99Ms)} ms (p50/p95/p99) · ${status.steps} steps`
      + (controls ? ` · “${controls.prompt}”` : '');
    this.#draw(status.latencyP95Ms, deadlineMs);
    this.#late(status);
    this.given.textContent = status.givenUp.length ? `Given up to keep the deadline: ${status.givenUp.join(', ')}` : '';
    this.given.hidden = status.givenUp.length === 0;
  }

  // The latest two minutes; the broken line is the deadline.
  #draw(latency, deadline) {
    this.latencies.push(latency);
    while (this.latencies.length > KEPT) this.latencies.shift();
    const top = Math.max(...this.latencies, deadline ?? 0, 1) * 1.1;
    const y = (value) => (40 - 40 * value / top).toFixed(1);
    this.line.setAttribute('points', this.latencies.map((value, i) => `${KEPT - this.latencies.length + i},${y(value)}`).join(' '));
    this.limit.setAttribute('visibility', deadline ? 'visible' : 'hidden');
    for (const end of ['y1', 'y2']) this.limit.setAttribute(end, y(deadline ?? 0));
    this.plot.setAttribute('aria-label', `Latency, 95th percentile, now ${Math.round(latency)} ms${deadline ? `, deadline ${deadline} ms` : ''}`);
  }

  #late({ late, lateBy, framesOut, dropped }) {
    const stages = Object.entries(lateBy ?? {}).filter(([, count]) => count > 0);
    const rows = [make('span', { text: 'late' }), meter(late, framesOut, 'Late frames'), make('span', { text: late }),
      ...stages.flatMap(([stage, count]) => [make('span', { text: `· ${stage}` }), meter(count, Math.max(late, 1), `Late by ${stage}`), make('span', { text: count })]),
      make('span', { text: 'left out' }), meter(dropped, framesOut + dropped, 'Frames left out'), make('span', { text: dropped })];
    this.bars.replaceChildren(...rows);
  }

  async #stop() {
    if (!confirm(`Stop session ${this.name}?`)) return;
    await api.stop(this.name).catch((error) => say(error.message, true));
  }
}

const meter = (value, max, name) => make('meter', { min: 0, max: Math.max(max, 1), value, 'aria-label': name });
const megabytes = (bytes) => `${Math.round(bytes / 1048576)} MiB`;

function duration(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
