import { pack, toBase64, DELTA, KEY, SOUND } from './wire.js';
import { api } from './api.js';
import { SoundSource } from './sound-source.js';
import { drawCode } from './timecode.js';

// Bytes that may wait in the socket: beyond it frames are left out until a key frame, for what waits is late.
const MOST_WAITING = 256 * 1024;
const MOST_ENCODING = 3;
const KEY_EVERY = 2000;
const LONGEST_PAUSE = 4000;

/** A name of this page's own, so that it takes its own place over when it comes again. */
const client = crypto.randomUUID?.() ?? String(Math.random());

/** Sends a source to a session, and connects again by itself. */
export class Publisher {
  /**
   * @param {string} name the session
   * @param {object} source see sources.js
   * @param {{ width: number, height: number, frameRate: number }} format what the session works with
   * @param {(state: string, text: string) => void} told of 'connecting', 'open', 'lost' and 'refused'
   */
  constructor(name, source, format, told = () => {}) {
    Object.assign(this, { name, source, format, told, pause: 250, isClosed: false, sent: 0, left: 0, codec: null });
    this.canvas = new OffscreenCanvas(format.width, format.height);
    this.context = this.canvas.getContext('2d', { alpha: false });
    /** For measuring: draws a time code over each frame. */
    this.code = null;
    this.ready = this.#start();
  }

  /** The codec that this browser compresses with soonest. */
  static async chooseCodec(width, height, frameRate) {
    const wish = new URLSearchParams(location.search).get('codec');
    const bitrate = Math.min(8e6, Math.max(1e6, width * height * frameRate * 0.15));
    const base = { width, height, framerate: frameRate, bitrate, latencyMode: 'realtime' };
    const all = [
      { ...base, codec: 'avc1.42E01F', hardwareAcceleration: 'prefer-hardware', avc: { format: 'avc' } },
      { ...base, codec: 'vp8' },
      { ...base, codec: 'avc1.42E01F', avc: { format: 'avc' } },
      { ...base, codec: 'av01.0.04M.08' },
    ];
    for (const settings of all.filter((s) => !wish || s.codec.startsWith(wish))) {
      const { supported } = await VideoEncoder.isConfigSupported(settings).catch(() => ({ supported: false }));
      if (supported) return settings;
    }
    throw new Error('This browser can compress no frames: use a current Chrome, Edge, Safari or Firefox, or send with OBS.');
  }

  close() {
    this.isClosed = true;
    clearTimeout(this.retry);
    this.stopFrames?.();
    this.soundSource?.close();
    if (this.encoder && this.encoder.state !== 'closed') this.encoder.close();
    this.socket?.close();
    this.source.close();
  }

  async #start() {
    if (!('VideoEncoder' in window)) throw new Error('This browser can compress no frames: use a current browser, or send with OBS.');
    const { width, height, frameRate } = this.format;
    this.settings = await Publisher.chooseCodec(width, height, frameRate);
    this.codec = this.settings.codec;
    this.hasSound = !!this.source.sound && await SoundSource.isPossible();
    if (this.isClosed) return;
    this.stopFrames = this.#frames((frame) => this.#encode(frame));
    if (this.hasSound) {
      this.soundSource = await SoundSource.open(this.source.sound, (chunk) => this.#send(SOUND, chunk)).catch(() => null);
      this.hasSound = this.soundSource !== null;
    }
    this.#connect();
  }

  #connect() {
    this.told('connecting', '');
    this.isOpen = false;
    const socket = api.socket(`sessions/${encodeURIComponent(this.name)}/publish`);
    this.socket = socket;
    socket.onopen = () => this.#hello();
    socket.onmessage = (event) => {
      const message = JSON.parse(event.data);
      if (message.type === 'publishing') {
        this.pause = 250;
        this.isOpen = true;
        this.needsKey = true;
        this.told('open', '');
      } else if (message.type === 'error') {
        this.told('refused', message.message);
      }
    };
    socket.onclose = () => this.#closed();
  }

  // What the encoder says of itself comes with its first key frame, and belongs into the first message.
  #hello() {
    if (this.encoder && this.encoder.state !== 'closed') this.encoder.close();
    this.isTold = false;
    this.encoder = new VideoEncoder({
      output: (chunk, more) => this.#encoded(chunk, more),
      error: () => { if (!this.isClosed) this.socket?.close(); },
    });
    this.encoder.configure(this.settings);
    this.needsKey = true;
    this.pending = [];
  }

  #encoded(chunk, more) {
    if (!this.isTold && this.socket.readyState === WebSocket.OPEN) {
      const description = more?.decoderConfig?.description;
      this.isTold = true;
      this.socket.send(JSON.stringify({
        type: 'publish',
        client,
        codec: more?.decoderConfig?.codec ?? this.codec,
        width: this.format.width,
        height: this.format.height,
        frameRate: this.format.frameRate,
        description: description ? toBase64(description) : undefined,
        sound: this.hasSound ? SoundSource.format : undefined,
      }));
    }
    this.#send(chunk.type === 'key' ? KEY : DELTA, chunk);
  }

  #send(kind, chunk) {
    if (!this.isTold || this.socket.readyState !== WebSocket.OPEN) return;
    this.socket.send(pack(kind, chunk.timestamp, chunk.duration ?? 0, chunk));
    if (kind !== SOUND) this.sent++;
  }

  #encode(frame) {
    if (this.encoder?.state !== 'configured' || this.socket?.readyState !== WebSocket.OPEN) return;
    if (this.encoder.encodeQueueSize >= MOST_ENCODING || this.socket.bufferedAmount > MOST_WAITING) {
      this.left++;
      return;
    }
    const now = performance.now();
    const { width, height } = this.canvas;
    cover(this.context, frame, width, height);
    if (this.code) drawCode(this.context, width, height, this.code());
    const own = new VideoFrame(this.canvas, { timestamp: Math.round(now * 1000) });
    const isKey = this.needsKey || now - (this.lastKey ?? 0) > KEY_EVERY;
    if (isKey) this.lastKey = now;
    this.needsKey = false;
    this.encoder.encode(own, { keyFrame: isKey });
    own.close();
  }

  // Gives each frame once, at most as many a second as the session shows. Returns what stops it.
  #frames(give) {
    let isRunning = true;
    const { video, track } = this.source;
    const period = 1000 / this.format.frameRate;
    let due = 0;
    const take = (frame) => {
      const now = performance.now();
      // A quarter of a period too early is no other frame.
      if (now < due - period / 4) return;
      due = Math.max(due + period, now + period / 2);
      give(frame);
    };
    if (track && 'MediaStreamTrackProcessor' in window) {
      // Goes on while the page is hidden.
      const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
      (async () => {
        while (isRunning) {
          const { done, value } = await reader.read();
          if (done) return;
          try {
            take(value);
          } finally {
            value.close();
          }
        }
        reader.cancel().catch(() => {});
      })();
    } else {
      const next = () => {
        if (!isRunning) return;
        take(video);
        video.requestVideoFrameCallback(next);
      };
      video.requestVideoFrameCallback(next);
    }
    return () => { isRunning = false; };
  }

  #closed() {
    if (this.isClosed) return;
    this.told('lost', '');
    this.retry = setTimeout(async () => {
      if (!this.isClosed && await api.exists(this.name) === false) this.told('gone', '');
      else if (!this.isClosed) this.#connect();
    }, this.pause);
    this.pause = Math.min(2 * this.pause, LONGEST_PAUSE);
  }
}

/** Draws a frame so that it fills the canvas; what is too much goes on both sides. */
export function cover(context, frame, width, height) {
  const fromWidth = frame.displayWidth ?? frame.videoWidth;
  const fromHeight = frame.displayHeight ?? frame.videoHeight;
  if (!fromWidth || !fromHeight) return;
  const scale = Math.max(width / fromWidth, height / fromHeight);
  const [takenWidth, takenHeight] = [width / scale, height / scale];
  context.drawImage(frame, (fromWidth - takenWidth) / 2, (fromHeight - takenHeight) / 2, takenWidth, takenHeight, 0, 0, width, height);
}
