import { h, setText } from './element.js';
import { describe } from './event-text.js';
import { api, store } from './store.js';

const LINES_SHOWN = 14;
const TOLD = new Set(['mishap', 'log', 'alarms', 'device']);

/** Buttons that break something, and beside them what the agent makes of it. */
export class MishapPanel {
  #panel;
  #opener;
  #outcome = h('p', { class: 'outcome', role: 'status' });
  #list = h('ol', { class: 'events', tabIndex: 0, 'aria-label': 'What the agent says' });
  /** @type {AbortController | undefined} */
  #shown;

  /**
   * @param {HTMLElement} panel
   * @param {HTMLButtonElement} opener
   */
  constructor(panel, opener) {
    this.#panel = panel;
    this.#opener = opener;
    opener.addEventListener('click', () => (this.#panel.hidden ? this.#show() : this.#hide()));
  }

  async load() {
    const mishaps = await api('mishaps');
    this.#opener.hidden = mishaps.length === 0;
    const close = h('button', { type: 'button', 'aria-label': 'Close' }, '✕');
    close.addEventListener('click', () => this.#hide());
    this.#panel.replaceChildren(
      h('header', {}, h('h2', {}, 'Break it'), close),
      h('p', { class: 'hint' }, 'Break something, and watch the agent heal.'),
      h('div', { class: 'mishap-buttons' }, ...mishaps.map((mishap) => this.#button(mishap))),
      this.#outcome,
      this.#list,
    );
  }

  #button({ name, title, text }) {
    const button = h('button', { type: 'button' }, h('strong', {}, title), h('span', {}, text));
    button.addEventListener('click', () => void this.#cause(name, title));
    return button;
  }

  async #cause(name, title) {
    try {
      await api(`mishaps/${name}`, { method: 'POST' });
      setText(this.#outcome, `Done: ${title}.`);
    } catch (error) {
      setText(this.#outcome, `Not done: ${error.message}`);
    }
  }

  #show() {
    this.#panel.hidden = false;
    this.#opener.setAttribute('aria-expanded', 'true');
    this.#shown = new AbortController();
    store.addEventListener('event', () => this.#render(), { signal: this.#shown.signal });
    this.#render();
    this.#panel.querySelector('.mishap-buttons button')?.focus();
  }

  #hide() {
    this.#shown?.abort();
    this.#panel.hidden = true;
    this.#opener.setAttribute('aria-expanded', 'false');
    this.#opener.focus();
  }

  #render() {
    const told = store.events.filter(({ kind }) => TOLD.has(kind));
    const items = told
      .slice(-LINES_SHOWN)
      .toReversed()
      .map(describe)
      .map(({ time, text, tone }) => h('li', { class: tone }, h('time', {}, time), text));
    this.#list.replaceChildren(...items);
  }
}
