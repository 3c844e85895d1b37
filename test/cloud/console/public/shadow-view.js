import { h, setText } from './element.js';
import { keyAt, lineOf, schemaKey } from './json-position.js';
import { api, store } from './store.js';

/** Changes to try, merged into the desired section. */
const PRESETS = [
  {
    title: 'Half size',
    camera: { video: { renditions: { high: { width: 640, height: 360, bitrateKbps: 700 } } } },
  },
  { title: '10 frames a second', camera: { video: { renditions: { high: { fps: 10 } } } } },
  { title: 'Clock in the picture', camera: { overlay: { clock: true } } },
  { title: 'Upside down', camera: { orientation: 180 } },
  { title: 'Camera off', camera: { enabled: false } },
];

/** The device shadow: desired to edit, with the schema's help and the faults in place; reported beside it. */
export class ShadowView {
  #place;
  #text = h('textarea', {
    id: 'desired',
    spellcheck: false,
    'aria-label': 'Desired, JSON',
    'aria-describedby': 'help faults',
  });
  #save = h('button', { type: 'button', class: 'primary' }, 'Save');
  #revert = h('button', { type: 'button' }, 'Revert');
  #help = h('p', { id: 'help', class: 'help' });
  #faults = h('ul', { id: 'faults', class: 'faults', role: 'status' });
  #state = h('p', { class: 'hint', role: 'status' });
  #reported = h('pre', { tabIndex: 0, 'aria-label': 'Reported' });
  #status = h('pre', { tabIndex: 0, 'aria-label': 'Status' });
  #presets = h('div', { class: 'filters', 'aria-label': 'Try' });
  /** @type {import('../backend.ts').ShadowView | undefined} */
  #shadow;
  /** @type {Map<string, { type: string, default: string, scope: string, doc: string }>} */
  #schema = new Map();

  /** @param {HTMLElement} place */
  constructor(place) {
    this.#place = place;
    store.addEventListener(
      'event',
      ({ detail }) => detail.kind === 'shadow' && this.#received(detail.shadow),
    );
    this.#save.addEventListener('click', () => void this.#send());
    this.#revert.addEventListener('click', () => this.#load());
    this.#text.addEventListener('input', () => this.#edited());
    for (const event of ['keyup', 'click', 'input'])
      this.#text.addEventListener(event, () => this.#showHelp());
    this.#text.addEventListener('keydown', (event) => {
      if (event.key !== 's' || !(event.ctrlKey || event.metaKey)) return;
      event.preventDefault();
      void this.#send();
    });
    const buttons = h('div', { class: 'filters' }, this.#save, this.#revert, this.#state);
    place.replaceChildren(
      h(
        'section',
        { class: 'card' },
        h('h2', {}, 'Desired'),
        this.#presets,
        this.#text,
        this.#help,
        this.#faults,
        buttons,
      ),
      h(
        'section',
        { class: 'card' },
        h('h2', {}, 'Reported'),
        this.#reported,
        h('h2', {}, 'Status'),
        this.#status,
      ),
    );
  }

  async show() {
    this.#place.hidden = false;
    if (this.#schema.size > 0) return;
    try {
      const [rows, shadow, cameras] = await Promise.all([api('schema'), api('shadow'), api('cameras')]);
      this.#schema = new Map(rows.map((row) => [row.key, row]));
      this.#presets.replaceChildren(...PRESETS.map((preset) => this.#preset(preset, cameras[0].name)));
      this.#received(shadow);
      this.#load();
      this.#showHelp();
    } catch (error) {
      setText(this.#state, `No shadow: ${error.message}`);
    }
  }

  hide() {
    this.#place.hidden = true;
  }

  #preset({ title, camera }, name) {
    const button = h('button', { type: 'button' }, title);
    button.addEventListener('click', () => {
      const desired = this.#parse();
      if (!desired) return;
      this.#text.value = pretty(merged(desired, { cameras: { [name]: camera } }));
      this.#edited();
    });
    return button;
  }

  #received(shadow) {
    const untouched = this.#shadow === undefined || this.#text.value === pretty(this.#shadow.desired);
    this.#shadow = shadow;
    if (untouched) this.#text.value = pretty(shadow.desired);
    setText(this.#reported, pretty(shadow.reported));
    setText(this.#status, pretty(shadow.status));
    this.#edited();
  }

  #load() {
    this.#text.value = pretty(this.#shadow?.desired ?? {});
    this.#edited();
  }

  async #send() {
    const desired = this.#parse();
    if (!desired) return;
    try {
      const headers = { 'content-type': 'application/json' };
      await api('shadow', { method: 'PUT', headers, body: JSON.stringify(desired) });
    } catch (error) {
      this.#showFaults([error.message]);
    }
  }

  #edited() {
    this.#place.classList.toggle('wrong', this.#parse() === undefined);
    const { agent } = this.#shadow?.reported ?? {};
    const changed = this.#text.value !== pretty(this.#shadow?.desired ?? {});
    this.#revert.disabled = !changed;
    this.#save.disabled = !changed;
    const version = this.#shadow?.version ?? 0;
    const refused = agent?.refusedVersion !== undefined;
    const verdict = refused ? `refused; version ${agent.appliedVersion} goes on` : 'applied';
    setText(
      this.#state,
      changed ? 'Not saved yet (Ctrl+S)' : agent ? `Version ${version}: ${verdict}` : `Version ${version}`,
    );
    if (!changed) this.#showFaults(agent?.faults ?? []);
  }

  /** The document, or undefined with what is wrong shown in place. */
  #parse() {
    try {
      const desired = JSON.parse(this.#text.value);
      this.#showFaults([]);
      return desired;
    } catch (error) {
      this.#showFaults([`no JSON yet: ${error.message}`]);
      return undefined;
    }
  }

  #showFaults(faults) {
    this.#faults.replaceChildren(
      ...faults.map((fault) => {
        const line = lineOf(this.#text.value, fault);
        const button = h(
          'button',
          { type: 'button' },
          line === undefined ? fault : `Line ${line.number}: ${fault}`,
        );
        button.addEventListener('click', () => {
          this.#text.focus();
          if (line) this.#text.setSelectionRange(line.start, line.end);
        });
        return h('li', {}, button);
      }),
    );
  }

  #showHelp() {
    const path = keyAt(this.#text.value, this.#text.selectionStart);
    const row = this.#schema.get(schemaKey(path, this.#schema));
    const initial = row?.default ? ` Default: ${row.default}.` : '';
    setText(
      this.#help,
      row
        ? `${row.key}: ${row.doc} Values: ${row.type}.${initial}`
        : 'Put the cursor on a key to read what it does.',
    );
  }
}

function pretty(document) {
  return JSON.stringify(document, undefined, 2);
}

function merged(base, change) {
  if (typeof change !== 'object' || change === null) return change;
  const result = { ...base };
  for (const [key, value] of Object.entries(change)) result[key] = merged(base?.[key], value);
  return result;
}
