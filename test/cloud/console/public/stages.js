import { h } from './element.js';

/** From the offer to the picture, in order; `from` and `to` are keys of a viewer's timings. */
const STAGES = [
  { name: 'answer', from: 'offerAt', to: 'answerAt' },
  { name: 'connected', from: 'answerAt', to: 'connectedAt' },
  { name: 'picture', from: 'connectedAt', to: 'firstFrameAt' },
];

/**
 * How long each stage took; those still to come are left out.
 * @param {import('./viewer.js').Viewer['timings']} timings
 * @returns {{ name: string, tookMs: number, untilMs: number }[]} untilMs: since the offer
 */
export function stagesOf(timings) {
  return STAGES.filter(({ from, to }) => timings[from] > 0 && timings[to] > 0).map(({ name, from, to }) => ({
    name,
    tookMs: Math.max(0, timings[to] - timings[from]),
    untilMs: timings[to] - timings.offerAt,
  }));
}

/**
 * A bar of the stages, each as wide as it took.
 * @param {HTMLElement} place
 * @param {import('./viewer.js').Viewer['timings']} timings
 */
export function showStages(place, timings) {
  const stages = stagesOf(timings);
  const text = stages.map(({ name, untilMs }) => `${name} after ${Math.round(untilMs)} ms`).join(', ');
  const label = text || 'Not connected yet';
  if (place.getAttribute('aria-label') === label) return;
  place.setAttribute('aria-label', label);
  place.title = text;
  place.replaceChildren(
    ...stages.map(({ name, tookMs }) => {
      const part = h('span', { class: `stage-${name}` });
      part.style.flexGrow = String(Math.max(1, tookMs));
      return part;
    }),
  );
}
