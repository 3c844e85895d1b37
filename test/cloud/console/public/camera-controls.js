import { h, setText } from './element.js';

const MESSAGES_SHOWN = 6;
/** PTZ speeds of each button. */
const MOVES = [
  ['Left', { pan: -0.5 }],
  ['Right', { pan: 0.5 }],
  ['Up', { tilt: 0.5 }],
  ['Down', { tilt: -0.5 }],
  ['Zoom in', { zoom: 0.5 }],
  ['Zoom out', { zoom: -0.5 }],
];

/**
 * What this viewer may ask of a camera, as the agent says: talk, a snapshot, another rendition, pause, a message, an action.
 * @param {import('./tile.js').Tile} tile
 * @param {AbortSignal} signal ends it
 * @returns {HTMLElement}
 */
export function cameraControls(tile, signal) {
  const outcome = h('p', { class: 'outcome', role: 'status' });
  /** Says what came of it. @param {() => Promise<string | void>} work */
  const attempt = async (work) => {
    try {
      setText(outcome, (await work()) ?? '');
    } catch (error) {
      setText(outcome, `That did not work: ${error.message}.`);
    }
  };
  const context = { tile, signal, attempt };
  const parts = [talkPart, viewPart, snapshotPart, messagePart, ptzPart, actionPart].map((part) =>
    part(context),
  );
  const update = () => {
    const { viewer } = tile;
    const isPlaying = viewer?.state === 'playing';
    for (const part of parts) {
      part.element.hidden = !isPlaying || !part.isAllowed(viewer);
      if (!part.element.hidden) part.update?.(viewer);
    }
    if (!isPlaying) setText(outcome, 'Nothing to ask for: this camera is not playing here.');
    else if (outcome.textContent.startsWith('Nothing')) setText(outcome, '');
    // The same listener is added once.
    viewer?.control.addEventListener('hello', update, { signal });
  };
  tile.addEventListener('change', update, { signal });
  update();
  return h(
    'section',
    { class: 'card controls' },
    h('h3', {}, 'Controls'),
    ...parts.map(({ element }) => element),
    outcome,
  );
}

const may = (method) => (viewer) => viewer.control.methods.includes(method);

function talkPart({ tile, signal, attempt }) {
  const button = h('button', { type: 'button', 'aria-pressed': 'false' }, 'Hold to talk');
  /** @type {MediaStream | undefined} */
  let microphone;
  const start = async () => {
    button.setAttribute('aria-pressed', 'true');
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    microphone = stream;
    // Released while the browser asked for leave.
    if (button.getAttribute('aria-pressed') !== 'true') return stop();
    await tile.viewer.talk(stream.getAudioTracks()[0] ?? null);
    return 'The camera plays what you say.';
  };
  const stop = async () => {
    button.setAttribute('aria-pressed', 'false');
    for (const track of microphone?.getTracks() ?? []) track.stop();
    microphone = undefined;
    await tile.viewer?.talk(null);
  };
  whileHeld(
    button,
    () => attempt(start),
    () => attempt(stop),
  );
  signal.addEventListener('abort', () => void stop());
  return { element: h('div', { class: 'row' }, button), isAllowed: (viewer) => viewer.canTalk };
}

function viewPart({ tile, attempt }) {
  const select = h('select', { 'aria-label': 'Rendition' });
  const shown = h('span', { class: 'hint' });
  const pause = h('button', { type: 'button', 'aria-pressed': 'false' }, 'Pause');
  const ask = (method, params) => tile.viewer.control.request(method, params);
  const show = ({ renditions, shown: name, chosen }) => {
    const names = ['auto', ...renditions.map((rendition) => rendition.name)];
    select.replaceChildren(
      ...names.map((value) => h('option', { value, selected: value === chosen }, value)),
    );
    setText(shown, `${name} is shown`);
  };
  select.addEventListener('change', () =>
    attempt(async () => show(await ask('choose', { rendition: select.value }))),
  );
  pause.addEventListener('click', () =>
    attempt(async () => {
      const isPaused = pause.getAttribute('aria-pressed') === 'true';
      await ask(isPaused ? 'resume' : 'pause');
      pause.setAttribute('aria-pressed', String(!isPaused));
      return isPaused ? '' : 'Paused: the camera sends this page nothing.';
    }),
  );
  /** @type {object | undefined} */
  let asked;
  const update = (viewer) => {
    if (asked === viewer) return;
    asked = viewer;
    pause.setAttribute('aria-pressed', 'false');
    void attempt(async () => show(await ask('renditions')));
  };
  const element = h('div', { class: 'row' }, h('span', {}, 'Rendition'), select, shown, pause);
  return { element, isAllowed: may('choose'), update };
}

function snapshotPart({ tile, signal, attempt }) {
  const button = h('button', { type: 'button' }, 'Snapshot');
  const place = h('figure', { hidden: true });
  let address = '';
  button.addEventListener('click', () =>
    attempt(async () => {
      const picture = await tile.viewer.control.snapshot();
      URL.revokeObjectURL(address);
      address = URL.createObjectURL(picture);
      const download = `${tile.name}-${new Date().toISOString().replaceAll(':', '-')}.jpg`;
      place.replaceChildren(
        h('img', { src: address, alt: `Snapshot of camera ${tile.name}` }),
        h(
          'figcaption',
          { class: 'row' },
          h('a', { class: 'more', href: address, download }, 'Save'),
          ` ${Math.ceil(picture.size / 1024)} KB`,
        ),
      );
      place.hidden = false;
    }),
  );
  signal.addEventListener('abort', () => URL.revokeObjectURL(address));
  return { element: h('div', {}, h('div', { class: 'row' }, button), place), isAllowed: may('snapshot') };
}

/** On a channel of its own: the agent sends it back where the camera's `dataChannel.echo` is set. */
function messagePart({ tile, signal, attempt }) {
  const text = h('input', { type: 'text', 'aria-label': 'Message', autocomplete: 'off' });
  const log = h('div', { class: 'events', role: 'log', 'aria-label': 'Messages' });
  const add = (line) => {
    log.append(h('p', {}, line));
    while (log.childElementCount > MESSAGES_SHOWN) log.firstElementChild.remove();
  };
  const received = ({ data }) => add(`← ${typeof data === 'string' ? data : 'bytes'}`);
  const form = h('form', { class: 'row' }, h('span', {}, 'Message'), text, h('button', {}, 'Send'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      tile.viewer.messages.send(text.value);
      add(`→ ${text.value}`);
      text.value = '';
    });
  });
  return {
    element: h('div', {}, form, log),
    isAllowed: ({ messages }) => messages.readyState === 'open',
    update: ({ messages }) => messages.addEventListener('message', received, { signal }),
  };
}

function ptzPart({ tile, attempt }) {
  const move = (speeds) => attempt(async () => void (await tile.viewer.control.request('ptz', speeds)));
  const buttons = MOVES.map(([name, speeds]) => {
    const button = h('button', { type: 'button' }, name);
    whileHeld(
      button,
      () => move(speeds),
      () => move({}),
    );
    return button;
  });
  const element = h('div', { class: 'row', role: 'group', 'aria-label': 'Move the camera' }, ...buttons);
  return { element, isAllowed: may('ptz') };
}

function actionPart({ tile, attempt }) {
  const select = h('select', { 'aria-label': 'Action' });
  const data = h('input', {
    type: 'text',
    'aria-label': 'Data of the action, JSON',
    placeholder: '{"seconds": 3}',
  });
  const form = h('form', { class: 'row' }, h('span', {}, 'Action'), select, data, h('button', {}, 'Run'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void attempt(async () => {
      const params = { action: select.value, data: JSON.parse(data.value || '{}') };
      const { reply } = await tile.viewer.control.request('command', params);
      return `${params.action}: ${reply === null ? 'done' : JSON.stringify(reply)}`;
    });
  });
  return {
    element: form,
    isAllowed: may('command'),
    update: ({ control }) =>
      select.replaceChildren(...control.actions.map((value) => h('option', { value }, value))),
  };
}

/** @param {KeyboardEvent} event */
const isPress = ({ key }) => key === ' ' || key === 'Enter';

/** With the pointer, and with the keys that press a button. */
function whileHeld(button, start, stop) {
  let isHeld = false;
  const hold = (held) => {
    if (isHeld === held) return;
    isHeld = held;
    if (held) start();
    else stop();
  };
  button.addEventListener('pointerdown', () => hold(true));
  for (const type of ['pointerup', 'pointercancel', 'pointerleave', 'blur'])
    button.addEventListener(type, () => hold(false));
  button.addEventListener('keydown', (event) => {
    if (isPress(event)) hold(true);
  });
  button.addEventListener('keyup', (event) => {
    if (isPress(event)) hold(false);
  });
}
