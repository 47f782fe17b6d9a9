// Packets as they go over WebSockets: kind (1 byte), three zeros, duration (4, microseconds), time (8, microseconds), then the data.
export const HEADER = 16;
export const DELTA = 0;
export const KEY = 1;
export const SOUND = 2;

/** A message of a compressed chunk of WebCodecs. */
export function pack(kind, time, duration, chunk) {
  const message = new Uint8Array(HEADER + chunk.byteLength);
  const view = new DataView(message.buffer);
  view.setUint8(0, kind);
  view.setUint32(4, Math.max(0, Math.round(duration)), true);
  view.setBigInt64(8, BigInt(Math.max(0, Math.round(time))), true);
  chunk.copyTo(message.subarray(HEADER));
  return message;
}

/** Reads a message. */
export function unpack(buffer) {
  const view = new DataView(buffer);
  return {
    kind: view.getUint8(0),
    duration: view.getUint32(4, true),
    time: Number(view.getBigInt64(8, true)),
    data: new Uint8Array(buffer, HEADER),
  };
}

export function toBase64(buffer) {
  const bytes = new Uint8Array(buffer.buffer ?? buffer, buffer.byteOffset ?? 0, buffer.byteLength);
  return btoa(String.fromCharCode(...bytes));
}
