const PLACE = 'streamdiff.settings';

/** What the user has chosen, kept from visit to visit. */
export const settings = { prompt: '', blend: 1, noise: null, steps: null, seed: 0, size: '', fps: '', deadline: '', gone: '60' };

try {
  Object.assign(settings, JSON.parse(localStorage.getItem(PLACE) ?? '{}'));
} catch {
  // Somebody else's words: begin anew.
}

/** Keeps what was changed. */
export function keep(changes) {
  Object.assign(settings, changes);
  try {
    localStorage.setItem(PLACE, JSON.stringify(settings));
  } catch {
    // A private window keeps nothing.
  }
}
