/** What the user lets us see: a stream of a camera or screen, or a file of the user's own. */

/** The camera, with its sound. */
export async function openWebcam() {
  const video = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } };
  try {
    return await fromStream(await navigator.mediaDevices.getUserMedia({ video, audio: true }), 'webcam');
  } catch (error) {
    // A camera without a microphone is a camera, too.
    if (error.name === 'NotFoundError' || error.name === 'NotAllowedError') {
      return await fromStream(await navigator.mediaDevices.getUserMedia({ video }), 'webcam');
    }
    throw error;
  }
}

/** A screen, a window or a tab, with its sound where the browser gives it. */
export async function openScreen() {
  return fromStream(await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: { ideal: 30 } }, audio: true }), 'screen');
}

/** A file, over and over. */
export async function openFile(file) {
  const video = element();
  video.loop = true;
  video.src = URL.createObjectURL(file);
  try {
    await video.play();
  } catch {
    URL.revokeObjectURL(video.src);
    throw new Error(`This browser cannot play ${file.name}: give an MP4 or WebM file.`);
  }
  return { kind: 'file', video, track: null, sound: { element: video }, close: () => { video.pause(); URL.revokeObjectURL(video.src); } };
}

/** Why a source could not be opened, in plain words. */
export function sourceTrouble(error) {
  switch (error.name) {
    case 'NotAllowedError': return 'The browser was not allowed to use it: allow it beside the address, then try again.';
    case 'NotFoundError': return 'There is no camera here.';
    case 'NotReadableError': return 'Another program uses the camera: end that, then try again.';
    case 'TypeError': return 'This browser lets no page use it over plain HTTP: open the page at localhost, or by HTTPS.';
    default: return error.message;
  }
}

function element() {
  const video = document.createElement('video');
  video.muted = false;
  video.playsInline = true;
  return video;
}

async function fromStream(stream, kind) {
  const track = stream.getVideoTracks()[0];
  const video = element();
  video.muted = true;
  video.srcObject = stream;
  await video.play();
  const sound = stream.getAudioTracks().length ? { stream } : null;
  return { kind, video, track, sound, close: () => { for (const t of stream.getTracks()) t.stop(); video.srcObject = null; } };
}
