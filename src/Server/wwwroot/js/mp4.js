import { KEY, SOUND } from './wire.js';

// A fragmented MP4 made from the packets as they come: for browsers without WebCodecs, and for recordings. Each packet is a fragment of its own, with its own time.
const MICROSECONDS = 1000000;
const VIDEO = 1;
const AUDIO = 2;

const text = new TextEncoder();
const u8 = (...values) => new Uint8Array(values);
const u16 = (value) => u8(value >> 8, value & 255);
const u32 = (value) => u8((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255);
const u64 = (value) => join(u32(Math.floor(value / 2 ** 32)), u32(value % 2 ** 32));
const zeros = (count) => new Uint8Array(count);

export function join(...parts) {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

function box(type, ...parts) {
  const content = join(...parts);
  return join(u32(content.length + 8), text.encode(type), content);
}

const full = (type, version, flags, ...parts) => box(type, u8(version), u8(flags >> 16, (flags >> 8) & 255, flags & 255), ...parts);

/** The units of an Annex B byte stream, without their start codes. */
export function units(data) {
  const found = [];
  let start = -1;
  for (let i = 0; i + 2 < data.length; i++) {
    if (data[i] !== 0 || data[i + 1] !== 0 || data[i + 2] !== 1) continue;
    if (start >= 0) found.push(data.subarray(start, i > 0 && data[i - 1] === 0 ? i - 1 : i));
    start = i + 3;
    i += 2;
  }
  if (start >= 0) found.push(data.subarray(start));
  return found;
}

const MATRIX = join(u32(0x10000), zeros(12), u32(0x10000), zeros(12), u32(0x40000000));

/** Makes segments: the first one when a key frame has told what a player must know, then one for each packet. */
export class Mp4Muxer {
  /**
   * @param {object} format as the server told it
   * @param {boolean} hasSound false leaves the sound out
   */
  constructor(format, hasSound = true) {
    this.format = format;
    this.sound = hasSound ? format.sound : null;
    this.sequence = 1;
    this.start = null;
  }

  /** MIME type with codecs. */
  get type() {
    return `video/mp4; codecs="${this.format.codec}${this.sound ? ',opus' : ''}"`;
  }

  /** Segments of a packet, in order; none before the first key frame. */
  add(packet) {
    if (packet.kind === SOUND) {
      return this.sound && this.start !== null && packet.time >= this.start ? [this.#fragment(AUDIO, packet, packet.data, true)] : [];
    }
    if (this.start === null && packet.kind !== KEY) return [];
    const all = units(packet.data);
    const segments = [];
    if (this.start === null) {
      const sps = all.find((u) => (u[0] & 31) === 7);
      const pps = all.find((u) => (u[0] & 31) === 8);
      if (!sps || !pps) return [];
      this.start = packet.time;
      segments.push(this.#head(sps, pps));
    }
    const slices = all.filter((u) => ![7, 8, 9].includes(u[0] & 31)).flatMap((u) => [u32(u.length), u]);
    segments.push(this.#fragment(VIDEO, packet, join(...slices), packet.kind === KEY));
    return segments;
  }

  #head(sps, pps) {
    const { width, height } = this.format;
    const avcc = box('avcC', u8(1, sps[1], sps[2], sps[3], 0xff, 0xe1), u16(sps.length), sps, u8(1), u16(pps.length), pps);
    const avc1 = box('avc1', zeros(6), u16(1), zeros(16), u16(width), u16(height), u32(0x480000), u32(0x480000), zeros(4), u16(1), zeros(32),
      u16(24), u16(0xffff), avcc);
    const traks = [this.#trak(VIDEO, MICROSECONDS, avc1, width, height)];
    const trex = [full('trex', 0, 0, u32(VIDEO), u32(1), zeros(12))];
    if (this.sound) {
      const { sampleRate, channels } = this.sound;
      const dops = box('dOps', u8(0, channels), u16(312), u32(sampleRate), u16(0), u8(0));
      const opus = box('Opus', zeros(6), u16(1), zeros(8), u16(channels), u16(16), zeros(4), u32(sampleRate * 65536), dops);
      traks.push(this.#trak(AUDIO, MICROSECONDS, opus, 0, 0));
      trex.push(full('trex', 0, 0, u32(AUDIO), u32(1), zeros(12)));
    }
    const mvhd = full('mvhd', 0, 0, zeros(8), u32(1000), zeros(4), u32(0x10000), u16(0x100), zeros(10), MATRIX, zeros(24), u32(3));
    return join(
      box('ftyp', text.encode('isom'), u32(0x200), text.encode('isomiso6avc1mp41')),
      box('moov', mvhd, ...traks, box('mvex', ...trex)));
  }

  #trak(id, timescale, entry, width, height) {
    const isVideo = id === VIDEO;
    const tkhd = full('tkhd', 0, 3, zeros(8), u32(id), zeros(8), zeros(8), zeros(4), u16(isVideo ? 0 : 0x100), zeros(2), MATRIX,
      u32(width * 65536), u32(height * 65536));
    const mdhd = full('mdhd', 0, 0, zeros(8), u32(timescale), zeros(4), u16(0x55c4), zeros(2));
    const hdlr = full('hdlr', 0, 0, zeros(4), text.encode(isVideo ? 'vide' : 'soun'), zeros(12), u8(0));
    const header = isVideo ? full('vmhd', 0, 1, zeros(8)) : full('smhd', 0, 0, zeros(4));
    const dinf = box('dinf', full('dref', 0, 0, u32(1), full('url ', 0, 1)));
    const stbl = box('stbl', full('stsd', 0, 0, u32(1), entry), full('stts', 0, 0, u32(0)), full('stsc', 0, 0, u32(0)),
      full('stsz', 0, 0, zeros(8)), full('stco', 0, 0, u32(0)));
    return box('trak', tkhd, box('mdia', mdhd, hdlr, box('minf', header, dinf, stbl)));
  }

  #fragment(id, packet, data, isKey) {
    const flags = isKey ? 0x2000000 : 0x1010000;
    const moof = (offset) => box('moof',
      full('mfhd', 0, 0, u32(this.sequence)),
      box('traf',
        full('tfhd', 0, 0x20000, u32(id)),
        full('tfdt', 1, 0, u64(packet.time - this.start)),
        full('trun', 0, 0x701, u32(1), u32(offset), u32(packet.duration), u32(data.length), u32(flags))));
    const header = moof(moof(0).length + 8);
    this.sequence++;
    return join(header, box('mdat', data));
  }
}
