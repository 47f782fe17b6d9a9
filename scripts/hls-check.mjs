// Plays a session in Chromium and with ffmpeg; started by scripts/hls-check. Prints a Markdown table.
import { chromium } from 'playwright-core';
import { spawn } from 'child_process';
import fs from 'fs';
import http from 'http';
import os from 'os';

const { KEY, STUDIO } = process.env, seconds = Number(process.env.SECONDS_EACH);
let failures = 0;
const row = (what, ok, figures) => { if (!ok) failures++; console.log(`| ${what} | ${ok ? 'ok' : 'FAILED'} | ${figures} |`); };
const api = async (path, options = {}) => {
  const answer = await fetch(`${STUDIO}/api/v1${path}`, { ...options, headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' } });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.status === 204 ? null : answer.json();
};
const spread = values => {
  const sorted = [...values].sort((a, b) => a - b), at = p => sorted[Math.min(sorted.length - 1, Math.floor(p * sorted.length))];
  return `median ${at(0.5).toFixed(2)} s, 95 % ${at(0.95).toFixed(2)} s, most ${sorted.at(-1).toFixed(2)} s`;
};

await api('/sessions', { method: 'POST', body: JSON.stringify({ name: 'show', input: 'test:testsrc2?size=640x360&rate=30&duration=0', model: 'passthrough', size: '640x360', fps: '30' }) });
const { playKey } = await api('/sessions/show');
const address = `${STUDIO}/api/v1/sessions/show/hls/index.m3u8?key=${playKey}`;
console.log(`load ${os.loadavg()[0].toFixed(2)} on ${os.cpus().length} processors, 640x360 at 30 fps\n\n| player | result | figures |\n|---|---|---|`);

// 1. hls.js on a page of another origin.
const files = { '/': ['text/html', '<!doctype html><video muted playsinline></video><script src="hls.js"></script>'], '/hls.js': ['text/javascript', fs.readFileSync('node_modules/hls.js/dist/hls.min.js')] };
const server = http.createServer((request, response) => {
  const [type, body] = files[request.url] ?? ['text/plain', ''];
  response.writeHead(200, { 'Content-Type': type }).end(body);
}).listen(0, '127.0.0.1');
await new Promise(r => server.once('listening', r));
const browser = await chromium.launch({ executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(fs.existsSync), args: ['--no-sandbox', '--autoplay-policy=no-user-gesture-required'] });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${server.address().port}/`);
const played = await page.evaluate(async ({ address, seconds }) => {
  const video = document.querySelector('video'), errors = [], behind = [];
  const began = performance.now();
  const hls = new Hls({ lowLatencyMode: true });
  hls.on(Hls.Events.ERROR, (_, e) => errors.push(`${e.fatal ? 'fatal ' : ''}${e.details}`));
  let parts = 0, first = 0, shown = 0;
  hls.on(Hls.Events.FRAG_LOADED, (_, e) => { if (e.part) parts++; });
  const frame = (now, { mediaTime }) => {
    first ||= now - began;
    shown++;
    const date = hls.playingDate;
    // Once it has caught up.
    if (date && now - began > 10000) behind.push((Date.now() - date.getTime() + (video.currentTime - mediaTime) * 1000) / 1000);
    video.requestVideoFrameCallback(frame);
  };
  video.requestVideoFrameCallback(frame);
  hls.loadSource(address);
  hls.attachMedia(video);
  await video.play().catch(e => errors.push(e.message));
  await new Promise(r => setTimeout(r, seconds * 1000));
  const ended = { errors, behind, parts, first, shown, sound: video.webkitAudioDecodedByteCount, width: video.videoWidth, stalls: errors.filter(e => e.includes('Stalled')).length };
  hls.destroy();
  return ended;
}, { address, seconds });
row('hls.js in Chromium, another origin', played.shown > 20 * (seconds - 8) && played.sound > 0 && played.parts > 0 && played.width === 640 && !played.errors.some(e => e.startsWith('fatal')),
  `first picture after ${(played.first / 1000).toFixed(1)} s, ${played.shown} shown, ${played.parts} parts, sound ${played.sound} bytes, ${played.errors.length ? played.errors.join(' ') : 'no error'}`);
row('hls.js: shown behind the encoder', played.behind.length > 0, played.behind.length ? spread(played.behind) : 'none');
await browser.close();
server.close();

// 2. What a player can have that takes each part as it comes.
const delays = [];
let text = await (await fetch(address.replace('index', 'stream'))).text();
for (const end = Date.now() + seconds * 1000; Date.now() < end;) {
  const count = text.split('#EXTINF').length - 1, tail = text.slice(text.lastIndexOf('#EXTINF') + 1);
  const sequence = Number(/MEDIA-SEQUENCE:(\d+)/.exec(text)[1]), place = tail.split('#EXT-X-PART:').length - 1;
  text = await (await fetch(`${address.replace('index', 'stream')}&_HLS_msn=${sequence + count}&_HLS_part=${place}`)).text();
  const last = [...text.matchAll(/#EXT-X-PROGRAM-DATE-TIME:(.*)|#EXT-X-PART:DURATION=([\d.]+)/g)];
  const from = last.findLastIndex(m => m[1]), length = last.slice(from + 1).reduce((sum, m) => sum + Number(m[2]), 0);
  // When its last picture was given, which is one picture before its end.
  if (length > 0) delays.push((Date.now() - Date.parse(last[from][1])) / 1000 - (length - 1 / 30));
}
row('a part is told of, after its last picture', delays.length > 2 * seconds, `${delays.length} parts: ${spread(delays)}`);

// 3. ffmpeg, which takes whole segments.
const ffmpeg = spawn('ffmpeg', ['-v', 'error', '-nostdin', '-i', address, '-t', '6', '-map', '0', '-f', 'framemd5', '-']);
let lines = '', said = '';
ffmpeg.stdout.on('data', d => lines += d);
ffmpeg.stderr.on('data', d => said += d);
const code = await new Promise(r => ffmpeg.on('exit', r));
const kinds = lines.split('\n').filter(l => /^\d/.test(l)).map(l => l[0]);
row('ffmpeg', code === 0 && !said && kinds.filter(k => k === '0').length > 170 && kinds.includes('1'), `${kinds.filter(k => k === '0').length} pictures, ${kinds.filter(k => k === '1').length} pieces of sound ${said}`);
await api('/sessions/show', { method: 'DELETE' });
process.exit(failures ? 1 : 0);
