/** The element with this id. */
export const $ = (id) => document.getElementById(id);

/** Makes an element: make('button', { class: 'chip', text: 'x', onclick: f }, child ...). */
export function make(tag, settings = {}, ...children) {
  const isSvg = tag === 'svg' || tag === 'rect' || tag === 'polyline' || tag === 'title' || tag === 'line';
  const element = isSvg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(settings)) {
    if (name === 'text') element.textContent = value;
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, '');
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((c) => c != null));
  return element;
}

let quiet = 0;

/** Says something to the user, for a while; trouble stays longer and is read out at once. */
export function say(text, isTrouble = false) {
  const box = $(isTrouble ? 'trouble' : 'news');
  box.textContent = text;
  box.hidden = !text;
  clearTimeout(quiet);
  quiet = setTimeout(() => { $('news').hidden = true; $('trouble').hidden = true; }, isTrouble ? 15000 : 4000);
}

/** Takes back what was said. */
export function hush() {
  $('news').hidden = true;
  $('trouble').hidden = true;
}

/** Lets the user keep a file. */
export function download(name, blob) {
  const address = URL.createObjectURL(blob);
  make('a', { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 60000);
}

export const wait = (ms) => new Promise((done) => setTimeout(done, ms));

/** Copies what is in a field; where the browser does not let it, it is marked, to be copied by hand. */
export function copy(field) {
  field.select();
  navigator.clipboard?.writeText(field.value).then(() => say('Copied.')).catch(() => {});
}

/** A time for file names. */
export const stamp = () => new Date().toISOString().slice(0, 19).replaceAll(':', '-').replace('T', ' ');
