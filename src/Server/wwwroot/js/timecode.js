// A number of 32 bits as a row of black and white bars over the top of a frame, as StreamDiff's own measurements use it (TimeBarCode): it survives scaling and
// compression. For measuring only.
const BITS = 32;
const BARS = 36;

export const rows = (height) => Math.max(8, Math.floor(height / 12));

function check(value) {
  let folded = (value ^ (value >>> 16)) >>> 0;
  folded ^= folded >>> 8;
  folded ^= folded >>> 4;
  return (folded & 15) ^ 5;
}

/** Draws a number. */
export function drawCode(context, width, height, value) {
  const parity = check(value >>> 0);
  const high = rows(height);
  for (let bar = 0; bar < BARS; bar++) {
    const isSet = bar < BITS ? (value >>> bar) & 1 : (parity >>> (bar - BITS)) & 1;
    const from = Math.ceil(bar * width / BARS);
    const to = Math.ceil((bar + 1) * width / BARS);
    context.fillStyle = isSet ? '#ebebeb' : '#101010';
    context.fillRect(from, 0, to - from, high);
  }
}

/** Reads it back; null where there is none. */
export function readCode(context, width, height) {
  const { data } = context.getImageData(0, Math.floor(rows(height) / 2), width, 1);
  let value = 0;
  let parity = 0;
  for (let bar = 0; bar < BARS; bar++) {
    const level = data[4 * Math.floor((2 * bar + 1) * width / (2 * BARS)) + 1];
    if (level > 90 && level < 165) return null;
    if (level <= 127) continue;
    if (bar < BITS) value = (value | (1 << bar)) >>> 0;
    else parity |= 1 << (bar - BITS);
  }
  return check(value) === parity ? value : null;
}
