/** Why the studio refused: its own sentence, and all of them where there are several. */
export class Refusal extends Error {
  constructor(status, problem) {
    const more = problem?.problems?.map((p) => p.text).filter((t) => t !== problem.detail) ?? [];
    super([problem?.detail ?? `the studio answered ${status}`, ...more].join('\n'));
    this.status = status;
    this.problems = problem?.problems ?? [];
  }
}

const ROOT = 'api/v1/';

/** Asked for a key when the studio wants one. */
let askForKey = async () => false;
/** A key of one session, as a link to watch it brings it along. */
export const sessionKey = new URLSearchParams(location.hash.slice(1)).get('key');

/** True for a session that will not go on by itself. */
export const isOver = (state) => state === 'ended' || state === 'failed';

async function call(method, path, body, headers = {}) {
  for (;;) {
    let answer;
    try {
      answer = await fetch(ROOT + path, {
        method,
        headers: body === undefined ? headers : { 'Content-Type': 'application/json', ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    } catch {
      throw new Refusal(0, { detail: 'The studio does not answer: is it still running?' });
    }
    if (answer.ok) return answer.status === 204 ? null : answer.headers.get('Content-Type')?.includes('json') ? answer.json() : answer;
    if (answer.status === 401 && path !== 'login' && !sessionKey && await askForKey()) continue;
    throw new Refusal(answer.status, await answer.json().catch(() => null));
  }
}

const session = (name) => `sessions/${encodeURIComponent(name)}`;

/** The key that who watches needs; none where the studio asks for none, nor where it does not tell it. */
export const playKeyOf = (session, me) => (me && me.name !== 'local' ? session.playKey ?? null : null);

/** The studio, as docs/studio.md describes it. */
export const api = {
  onKeyWanted(ask) { askForKey = ask; },
  login: (key) => call('POST', 'login', { key }),
  me: () => call('GET', 'me'),
  status: () => call('GET', 'status'),
  models: () => call('GET', 'models'),
  sessions: () => call('GET', 'sessions'),
  get: (name) => call('GET', session(name)),
  start: (wish) => call('POST', 'sessions', wish),
  stop: (name) => call('DELETE', session(name)),
  control: (name, changes) => call('POST', `${session(name)}/controls`, changes),
  presets: () => call('GET', 'presets'),
  keepPreset: (preset) => call('PUT', `presets/${encodeURIComponent(preset.name)}`, preset),
  dropPreset: (name) => call('DELETE', `presets/${encodeURIComponent(name)}`),
  snapshot: (name) => `${ROOT}${session(name)}/snapshot?format=jpeg&t=${Date.now()}`,

  /**
   * False when there is no such session (any more), true when there is, null when nobody knows. One that waits for a worker of a
   * fleet, or is suspended, goes on when somebody is there.
   */
  async exists(name) {
    try {
      const { state } = await call('GET', session(name));
      return !isOver(state);
    } catch (error) {
      return error.status === 404 ? false : null;
    }
  },

  /** Where players of HLS find a session. */
  playlist(name, key) {
    const address = new URL(`${ROOT}${session(name)}/hls/index.m3u8`, document.baseURI);
    if (key) address.searchParams.set('key', key);
    return address.href;
  },

  /** A WebSocket of the studio. */
  socket(path) {
    const address = new URL(ROOT + path, document.baseURI);
    address.protocol = address.protocol.replace('http', 'ws');
    if (sessionKey) address.searchParams.set('key', sessionKey);
    return new WebSocket(address, 'streamdiff.v1');
  },

  /** Events as they happen; what is returned ends it. */
  events(take) {
    const source = new EventSource(`${ROOT}events`);
    source.addEventListener('event', (event) => take(JSON.parse(event.data)));
    return () => source.close();
  },
};
