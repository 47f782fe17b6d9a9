import { api, isOver, playKeyOf, Refusal, sessionKey } from './api.js';
import { Compare } from './compare.js';
import { Controls } from './controls.js';
import { $, copy, make, say, hush, download, stamp, wait } from './dom.js';
import { LatencyProbe } from './latency.js';
import { Operators } from './operators.js';
import { Play } from './play.js';
import { Presets } from './presets.js';
import { Publisher } from './publisher.js';
import { Recorder } from './recorder.js';
import { openFile, openScreen, openWebcam, sourceTrouble } from './sources.js';
import { Viewer, choosePlayer } from './viewer.js';

const FIGURES_EVERY = 1000;
const TOOLS = ['compare', 'record', 'snapshot', 'sound', 'fullscreen', 'link', 'stop'];
const CLIP = 'test:camera?size=640x384&rate=24&duration=0';

const controls = new Controls();
const compare = new Compare();
const operators = new Operators();
const play = new Play(controls);
const presets = new Presets(controls, () => (studio.viewer?.player.frames ? studio.viewer.player.element : null));

/** What is seen: one session, a viewer of it and, where the picture comes from here, what sends it. */
const studio = { name: null, viewer: null, publisher: null, recorder: null, source: null };
// For measurements and tests, which look at it from outside.
window.streamdiff = { studio, LatencyProbe };

const nameOf = (hash) => new URLSearchParams(hash.slice(1)).get('session');

// A session's name, and who began it here: enough to go on after a reload.
function newName() {
  return `studio-${Array.from(crypto.getRandomValues(new Uint8Array(3)), (b) => b.toString(16).padStart(2, '0')).join('')}`;
}

async function begin(kind, open) {
  hush();
  busy(true);
  let source = null;
  try {
    if (open) source = await open();
  } catch (error) {
    busy(false);
    say(sourceTrouble(error), true);
    return;
  }
  const name = newName();
  const { hostname } = location;
  const isHere = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  const inputs = { clip: CLIP, obs: `rtmp://${isHere ? '127.0.0.1' : '0.0.0.0'}:1935/live/{publishKey}?listen=1` };
  try {
    const session = await start({
      name, input: inputs[kind] ?? 'browser', ...controls.wish, ...(kind === 'clip' ? {} : { sourceGone: controls.gone }),
    });
    studio.source = source;
    sessionStorage.setItem('own', JSON.stringify({ name, kind }));
    if (kind === 'obs') showObs(session);
    history.replaceState(null, '', `#session=${name}`);
    await watch(session);
    for (const note of session.notes ?? []) say(note);
  } catch (error) {
    source?.close();
    say(error instanceof Refusal ? error.message : String(error), true);
  }
  busy(false);
}

// A machine that cannot do all of it is asked for less, until it can; what the user chose himself is left as it is.
async function start(wish) {
  const less = [{}, { fps: '16' }, { fps: '12', steps: 1 }, { fps: '8', steps: 1, deadlineMs: 2000 }, { fps: '4', steps: 1, deadlineMs: 10000, firstFrameMs: 30000 },
    { fps: '1', steps: 1, deadlineMs: 60000, firstFrameMs: 60000 }];
  let refusal = null;
  for (const given of less) {
    const own = Object.fromEntries(Object.entries(wish).filter(([name, value]) => value !== undefined && (name !== 'steps' || given.steps === undefined)));
    try {
      const session = await api.start({ ...(wish.fps || less[0] !== given ? {} : { fps: '30' }), ...given, ...own });
      if (refusal) say(`This device has no time for all of it, so it was begun with less.\n${refusal.message}`);
      return session;
    } catch (error) {
      if (error.status !== 503 || !/not admitted/.test(error.message)) throw error;
      refusal ??= error;
    }
  }
  throw refusal;
}

function busy(isBusy) {
  for (const button of document.querySelectorAll('.choice')) button.disabled = isBusy;
}

function showObs({ publishKey }) {
  $('obsServer').value = `rtmp://${location.hostname}:1935/live`;
  $('obsKey').value = publishKey ?? '';
  $('obs').hidden = false;
}

async function watch(session) {
  end();
  studio.name = session.name;
  controls.attach(session);
  play.attach(session);
  $('start').hidden = true;
  const Player = choosePlayer();
  const player = new Player($('after'));
  studio.viewer = new Viewer(session.name, 'output', player, (state) => viewing(state));
  for (const id of TOOLS) $(id).disabled = false;
  figures();
}

function viewing(state) {
  const { viewer } = studio;
  const words = { connecting: 'Connecting …', open: '', lost: 'The connection is lost: trying again …' };
  overlay(words[state] ?? '');
  if (state === 'ended') {
    say('The session has ended.');
    leave();
    return;
  }
  if (state !== 'open' || !viewer) return;
  $('stage').style.aspectRatio = `${viewer.format.width} / ${viewer.format.height}`;
  if (studio.source && !studio.publisher) publish();
}

function publish() {
  const { source, viewer, name } = studio;
  studio.publisher = new Publisher(name, source, viewer.format, (state, text) => {
    if (state === 'refused') say(text, true);
    if (state === 'gone') viewing('ended');
  });
  studio.publisher.ready.catch((error) => say(error.message, true));
}

function overlay(text) {
  $('overlay').textContent = text;
  $('overlay').hidden = !text;
}

// Stops watching and sending; the session goes on, unless somebody ends it.
function end() {
  clearTimeout(studio.timer);
  if (studio.recorder) stopRecording();
  compare.close();
  studio.publisher?.close();
  studio.viewer?.close();
  studio.publisher = null;
  studio.viewer = null;
  controls.detach();
  play.detach();
  press('compare', false);
  press('sound', false);
}

function leave() {
  end();
  if (studio.source && !studio.publisher) studio.source.close();
  studio.source = null;
  studio.name = null;
  sessionStorage.removeItem('own');
  history.replaceState(null, '', '#');
  overlay('');
  $('stage').style.aspectRatio = '';
  $('obs').hidden = true;
  $('start').hidden = false;
  $('figures').textContent = '';
  for (const id of TOOLS) $(id).disabled = true;
  showRunning();
}

async function figures() {
  clearTimeout(studio.timer);
  const { name, viewer } = studio;
  if (!viewer || sessionKey) return;
  try {
    const session = await api.get(name);
    if (studio.viewer !== viewer) return;
    const { status } = session;
    if (session.state === 'failed') {
      say(session.reason ?? 'The session failed.', true);
      leave();
      return;
    }
    if (session.controls) {
      controls.take(session.controls);
      play.take(session.controls.standing);
    }
    const frames = viewer.player.frames;
    const fps = (frames - (studio.shown ?? frames)) * 1000 / FIGURES_EVERY;
    studio.shown = frames;
    if (frames > 0) $('obs').hidden = true;
    const parts = status ? [`${Math.max(0, fps).toFixed(0)} fps here`, `${status.fpsNew.toFixed(1)} fps made`, `latency ${Math.round(status.latencyP50Ms)} ms`, session.size,
      ...(status.givenUp.length ? [`given up: ${status.givenUp.join(', ')}`] : [])] : [session.state];
    $('figures').textContent = parts.filter(Boolean).join(' · ');
    if (viewer.format && $('overlay').textContent !== 'The connection is lost: trying again …') {
      overlay(status?.source === 'lost' ? 'The source is gone: what you see is the last picture.'
        : status?.source === 'waiting' && $('obs').hidden ? 'Waiting for the source …' : '');
    }
  } catch (error) {
    if (error.status === 404 && studio.viewer === viewer) viewing('ended');
  }
  if (studio.viewer === viewer) studio.timer = setTimeout(figures, FIGURES_EVERY);
}

function press(id, isPressed) { $(id).setAttribute('aria-pressed', String(isPressed)); }

const tools = {
  compare() {
    if (compare.isOn) compare.close();
    else compare.open(studio.name, studio.viewer.player);
    press('compare', compare.isOn);
    if (compare.isOn) $('split').focus({ preventScroll: true });
  },
  record() {
    if (studio.recorder) {
      stopRecording();
      return;
    }
    if (!studio.viewer.format) return;
    studio.recorder = new Recorder(studio.viewer);
    press('record', true);
    studio.clock = setInterval(() => { $('recordText').textContent = `Stop, ${Math.floor(studio.recorder.seconds)} s`; }, 500);
    $('recordText').textContent = 'Stop, 0 s';
  },
  snapshot() {
    const { element } = studio.viewer.player;
    const canvas = make('canvas');
    [canvas.width, canvas.height] = [studio.viewer.format.width, studio.viewer.format.height];
    canvas.getContext('2d').drawImage(element, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => download(`StreamDiff ${stamp()}.png`, blob), 'image/png');
  },
  async sound() {
    const isHeard = await studio.viewer.player.sound.hear($('sound').getAttribute('aria-pressed') !== 'true');
    press('sound', isHeard);
    if (!isHeard && !studio.viewer.format?.sound) say('This session has no sound.');
  },
  fullscreen() {
    if (document.fullscreenElement) document.exitFullscreen();
    else $('stage').requestFullscreen?.().catch(() => say('This browser has no full screen here.'));
  },
  async link() {
    const [me, session] = await Promise.all([api.me(), api.get(studio.name)]).catch(() => [null, null]);
    const key = session && playKeyOf(session, me);
    const address = `${location.origin}${location.pathname}#session=${studio.name}${key ? `&key=${encodeURIComponent(key)}` : ''}`;
    navigator.clipboard?.writeText(address).then(() => say(`Copied: ${address}`)).catch(() => say(address));
  },
  async stop() {
    const { name } = studio;
    leave();
    busy(true);
    await api.stop(name).catch((error) => { if (error.status !== 404) say(error.message, true); });
    busy(false);
    showRunning();
  },
};

function stopRecording() {
  const { recorder } = studio;
  studio.recorder = null;
  clearInterval(studio.clock);
  press('record', false);
  $('recordText').textContent = 'Record';
  if (recorder.isEmpty) say('Nothing was recorded: no picture came.', true);
  else download(`StreamDiff ${stamp()}.mp4`, recorder.stop());
}

for (const id of TOOLS) $(id).addEventListener('click', () => tools[id]());
$('fromWebcam').addEventListener('click', () => begin('webcam', openWebcam));
$('fromScreen').addEventListener('click', () => begin('screen', openScreen));
$('fromFile').addEventListener('click', () => $('file').click());
$('file').addEventListener('change', () => {
  const file = $('file').files[0];
  $('file').value = '';
  if (file) begin('file', () => openFile(file));
});
$('fromClip').addEventListener('click', () => begin('clip'));
$('fromObs').addEventListener('click', () => begin('obs'));
for (const button of document.querySelectorAll('[data-copy]')) {
  button.addEventListener('click', () => copy($(button.dataset.copy)));
}

async function showRunning() {
  if (sessionKey) return;
  const sessions = (await api.sessions().catch(() => [])).filter((s) => s.state === 'running' || s.state === 'suspended');
  $('running').hidden = sessions.length === 0;
  $('runningList').replaceChildren(...sessions.map((s) => make('a', { href: `#session=${encodeURIComponent(s.name)}`, text: s.name })));
}

async function route() {
  const isOperators = location.hash === '#sessions';
  $('studio').hidden = isOperators;
  $('goStudio').toggleAttribute('aria-current', !isOperators);
  $('goSessions').toggleAttribute('aria-current', isOperators);
  for (const id of ['goStudio', 'goSessions']) if ($(id).hasAttribute('aria-current')) $(id).setAttribute('aria-current', 'page');
  $('goStudio').href = studio.name ? `#session=${studio.name}` : '#';
  if (isOperators) operators.show();
  else operators.hide();
  const name = nameOf(location.hash);
  if (!name || name === studio.name) return;
  if (sessionKey) {
    await watch({ name });
    return;
  }
  try {
    const session = await api.get(name);
    if (isOver(session.state)) throw new Refusal(404, { detail: `The session ${name} has ended.` });
    studio.source = await comeBack(name);
    await watch(session);
  } catch (error) {
    say(error.message, true);
    leave();
  }
}

// After a reload the picture goes on where the browser lets it without asking.
async function comeBack(name) {
  try {
    const own = JSON.parse(sessionStorage.getItem('own') ?? 'null');
    if (own?.name !== name) return null;
    if (own.kind === 'webcam') return await openWebcam();
    if (own.kind === 'screen' || own.kind === 'file') say('The picture came from here: stop, and choose it again.');
  } catch (error) {
    say(sourceTrouble(error), true);
  }
  return null;
}

addEventListener('hashchange', route);
$('split').addEventListener('keydown', (event) => event.stopPropagation());

$('theme').addEventListener('click', () => {
  const now = document.documentElement.dataset.theme ?? (matchMedia('(prefers-color-scheme: light)').matches ? 'light' : 'dark');
  theme(now === 'light' ? 'dark' : 'light');
});

function theme(name) {
  document.documentElement.dataset.theme = name;
  localStorage.setItem('streamdiff.theme', name);
}

if (localStorage.getItem('streamdiff.theme')) theme(localStorage.getItem('streamdiff.theme'));
$('help').addEventListener('click', () => $('keys').showModal());

const shortcuts = {
  b: 'compare', r: 'record', s: 'snapshot', m: 'sound', f: 'fullscreen',
};

addEventListener('keydown', (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')) return;
  if (event.target.matches('input:not([type=range]), textarea, select')) {
    if (event.key === 'Escape') event.target.blur();
    return;
  }
  const key = event.key.toLowerCase();
  if (shortcuts[key] && !$(shortcuts[key]).disabled && !$('studio').hidden) tools[shortcuts[key]]();
  else if (key === 'd') controls.roll();
  else if (key === 't') play.tap();
  else if (key === 'o') location.hash = location.hash === '#sessions' ? (studio.name ? `session=${studio.name}` : '') : 'sessions';
  else if (key === '?') $('keys').showModal();
  else if (key === '/') $('prompt').focus();
  else if (key >= '1' && key <= '9' && controls.styles[key - 1]) controls.choose(controls.styles[key - 1]);
  else return;
  event.preventDefault();
});

// One question at a time, whoever asks.
let asking = null;
api.onKeyWanted(() => asking ??= new Promise((done) => {
  const dialog = $('login');
  dialog.returnValue = '';
  dialog.showModal();
  dialog.addEventListener('close', async () => {
    asking = null;
    if (dialog.returnValue !== 'ok') {
      done(false);
      return;
    }
    try {
      await api.login($('key').value);
      $('loginTrouble').hidden = true;
      done(true);
    } catch (error) {
      $('loginTrouble').textContent = error.message;
      $('loginTrouble').hidden = false;
      done(true);
    }
    $('key').value = '';
  }, { once: true });
}));

async function open() {
  if (sessionKey) {
    // Only to watch: all else needs a key of another kind.
    document.body.classList.add('guest');
    await route();
    document.body.dataset.ready = 'true';
    return;
  }
  try {
    while (!(await api.status()).isReady) {
      overlay('The model is being loaded …');
      await wait(500);
    }
    overlay('');
    const models = await api.models();
    controls.begin(models.find((m) => m.isLoaded) ?? null);
  } catch (error) {
    say(error.message, true);
    controls.begin(null);
  }
  await presets.load();
  await showRunning();
  await route();
  document.body.dataset.ready = 'true';
}

open();
