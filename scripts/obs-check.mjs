// Steers OBS through its remote control; started by scripts/obs-check. Prints a Markdown table.
import OBSWebSocket from 'obs-websocket-js';
import { spawn, execFileSync } from 'child_process';
import fs from 'fs';

const sleep = ms => new Promise(r => setTimeout(r, ms));
const until = async (seconds, test) => {
  for (const end = Date.now() + seconds * 1000; Date.now() < end; await sleep(100)) { const r = await test(); if (r) return r; }
  return null;
};
let failures = 0;
const row = (what, ok, figures) => { if (!ok) failures++; console.log(`| ${what} | ${ok ? 'ok' : 'FAILED'} | ${figures} |`); };
const work = process.env.WORK, model = process.env.MODEL;

// Mean red, green and blue of a picture file.
const mean = file => [...execFileSync('ffmpeg', ['-v', 'error', '-i', file, '-frames:v', '1', '-vf', 'scale=1:1:flags=area', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'])];
const isRed = c => c.length === 3 && c[0] > 200 && c[1] < 60 && c[2] < 60;
const show = c => `mean colour ${c.join(', ')}`;

const start = (input, output) => {
  const p = spawn(process.env.STREAMDIFF, ['run', '--model', model, '--prompt', 'a test', '--size', '640x352', '--preset', 'ultrafast', '--log-format', 'json', '--input', input, ...output.flatMap(o => ['--output', o])]);
  p.log = ''; p.stderr.on('data', d => p.log += d); p.done = new Promise(r => p.on('exit', r));
  p.count = (part, state) => p.log.split('\n').filter(l => l.includes(`"part":"${part}`) && l.includes(`"state":"${state}"`)).length;
  p.end = () => { p.kill('SIGTERM'); return p.done; };
  return p;
};

const obs = new OBSWebSocket();
const connected = await until(40, () => obs.connect('ws://127.0.0.1:4455', 'only-here-12').catch(() => null));
if (!connected) { console.error('OBS did not start'); process.exit(1); }
const version = await obs.call('GetVersion');
console.log(`OBS ${version.obsVersion} on ${version.platformDescription}, model ${model}\n\n| step | result | figures |\n|---|---|---|`);

const scene = (await obs.call('GetSceneList')).scenes[0].sceneName;
await obs.call('CreateScene', { sceneName: 'Sent' });
await obs.call('CreateScene', { sceneName: 'Seen' });
await obs.call('CreateInput', { sceneName: 'Sent', inputName: 'red', inputKind: 'color_source_v3', inputSettings: { color: 0xff0000ff, width: 640, height: 360 } });
await obs.call('SetCurrentProgramScene', { sceneName: 'Sent' });

const stream = async (server, key, seconds) => {
  await obs.call('SetStreamServiceSettings', { streamServiceType: 'rtmp_custom', streamServiceSettings: { server, key, use_auth: false } });
  await obs.call('StartStream');
  return until(seconds, async () => { const s = await obs.call('GetStreamStatus'); return s.outputActive && s.outputTotalFrames > 30 ? s : null; });
};
const stop = async () => { await obs.call('StopStream').catch(() => {}); await until(10, async () => !(await obs.call('GetStreamStatus')).outputActive); };

// 1. A wrong key, then the right one.
let run = start('rtmp://127.0.0.1:19380/live/key?listen=1', [`${work}/rtmp.mp4`, 'srt://127.0.0.1:19381?mode=listener&latency=20000']);
await until(30, () => run.count('source', 'waiting'));
const wrong = await stream('rtmp://127.0.0.1:19380/live', 'wrong', 5);
row('OBS publishes RTMP with a wrong key', !wrong && run.count('source', 'open') === 0, 'refused');
await stop();
await stream('rtmp://127.0.0.1:19380/live', 'key', 15);
row('OBS publishes RTMP', await until(10, () => run.count('source', 'open')), (run.log.match(/"state":"open","text":"(\d+x[^"]+)"/) ?? [])[1] ?? '');

// 2. OBS shows what we make of it, looked at with its own screenshot.
await obs.call('CreateInput', { sceneName: 'Seen', inputName: 'ours', inputKind: 'ffmpeg_source', inputSettings: {
  is_local_file: false, hw_decode: false, buffering_mb: 0, reconnect_delay_sec: 1, restart_on_activate: false, close_when_inactive: false, clear_on_media_end: false,
  input: 'srt://127.0.0.1:19381?mode=caller&latency=20000', input_format: 'mpegts', ffmpeg_options: 'analyzeduration=100000 probesize=100000' } });
const began = Date.now();
const shot = `${work}/shot.png`;
const seen = await until(25, async () => {
  await obs.call('SaveSourceScreenshot', { sourceName: 'ours', imageFormat: 'png', imageFilePath: shot, imageWidth: 640, imageHeight: 360 }).catch(() => null);
  if (!fs.existsSync(shot) || fs.statSync(shot).size < 500) return null;
  const c = mean(shot); return model === 'passthrough' ? (isRed(c) ? c : null) : (Math.max(...c) > 8 ? c : null);
});
row('OBS shows our SRT output', seen, `${seen ? show(seen) : 'no picture'} after ${((Date.now() - began) / 1000).toFixed(1)} s`);

// 3. It leaves and comes again.
const opened = run.count('output srt', 'open');
// (Removing the input would not do: OBS keeps the connection of a removed source for a while.)
await obs.call('SetInputSettings', { inputName: 'ours', inputSettings: { input: 'srt://127.0.0.1:19389?mode=caller' } });
await until(10, () => run.count('output srt', 'lost'));
await obs.call('SetInputSettings', { inputName: 'ours', inputSettings: { input: 'srt://127.0.0.1:19381?mode=caller&latency=20000' } });
row('OBS leaves our SRT output and comes again', await until(25, () => run.count('output srt', 'open') > opened), `accepted ${run.count('output srt', 'open')} times`);
await obs.call('RemoveInput', { inputName: 'ours' });
await stop();
await run.end();
const last = mean(`${work}/rtmp.mp4`).length ? [...execFileSync('ffmpeg', ['-v', 'error', '-sseof', '-4', '-i', `${work}/rtmp.mp4`, '-frames:v', '1', '-vf', 'scale=1:1:flags=area', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'])] : [];
row('the recording of it', model === 'passthrough' ? isRed(last) : last.length === 3, show(last));

// 4. The same by SRT.
run = start('srt://127.0.0.1:19382?mode=listener&latency=20000', [`${work}/srt.mp4`]);
await until(30, () => run.count('source', 'waiting'));
await stream('srt://127.0.0.1:19382?mode=caller&latency=20000', '', 15);
const bySrt = await until(15, () => run.count('source', 'open'));
await sleep(5000);
await run.end();
await stop();
const picture = [...execFileSync('ffmpeg', ['-v', 'error', '-sseof', '-2', '-i', `${work}/srt.mp4`, '-frames:v', '1', '-vf', 'scale=1:1:flags=area', '-f', 'rawvideo', '-pix_fmt', 'rgb24', '-'])];
row('OBS publishes SRT', bySrt && (model === 'passthrough' ? isRed(picture) : picture.length === 3), show(picture));
await obs.disconnect();
process.exit(failures ? 1 : 0);
