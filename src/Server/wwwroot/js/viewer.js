import { unpack, KEY, SOUND } from './wire.js';
import { api } from './api.js';
import { WebCodecsPlayer } from './player-webcodecs.js';
import { MsePlayer } from './player-mse.js';

const LONGEST_PAUSE = 4000;

/** The player that this browser can have. */
export function choosePlayer() {
  const wish = new URLSearchParams(location.search).get('player');
  return 'VideoDecoder' in window && wish !== 'mse' ? WebCodecsPlayer : MsePlayer;
}

/**
 * Shows what comes out of a session, or what goes in, and connects again by itself when the connection is lost. Tells listeners of formats and packets, for
 * whoever records.
 */
export class Viewer {
  /**
   * @param {string} name the session
   * @param {string} side 'output' or 'source'
   * @param {object} player takes formats and packets
   * @param {(state: string) => void} told of 'connecting', 'open', 'lost' and 'ended'
   */
  constructor(name, side, player, told = () => {}) {
    Object.assign(this, { name, side, player, told, listeners: new Set(), format: null, pause: 250, isClosed: false });
    this.packets = 0;
    this.#connect();
  }

  /** Asks for a key frame. */
  askForKey() {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send('{"type":"key"}');
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.retry);
    this.socket?.close();
    this.player.close();
  }

  #connect() {
    this.told('connecting');
    const socket = api.socket(`sessions/${encodeURIComponent(this.name)}/view?side=${this.side}`);
    this.socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onmessage = (event) => this.#take(event.data);
    socket.onclose = (event) => this.#closed(event);
  }

  #take(data) {
    if (typeof data === 'string') {
      const message = JSON.parse(data);
      if (message.type !== 'format') return;
      this.format = message;
      this.pause = 250;
      this.player.begin(message);
      for (const listener of this.listeners) listener.begin?.(message);
      this.told('open');
      return;
    }
    const packet = unpack(data);
    this.packets++;
    if (!this.player.add(packet)) this.askForKey();
    for (const listener of this.listeners) listener.add(packet);
  }

  #closed(event) {
    if (this.isClosed) return;
    if (event.code === 1000) {
      this.told('ended');
      return;
    }
    this.told('lost');
    this.retry = setTimeout(async () => {
      // A session that is gone will not come back: its socket only says that it could not be opened.
      if (!this.isClosed && await api.exists(this.name) === false) this.told('ended');
      else if (!this.isClosed) this.#connect();
    }, this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }
}

export { KEY, SOUND };
