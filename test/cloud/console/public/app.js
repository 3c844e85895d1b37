import { ActivityView } from './activity-view.js';
import { CameraView } from './camera-view.js';
import { DeviceChip } from './device-chip.js';
import { setText } from './element.js';
import { readFigures } from './figures.js';
import { MishapPanel } from './mishap-panel.js';
import { ShadowView } from './shadow-view.js';
import { api, store } from './store.js';
import { Tile } from './tile.js';

const POLL_INTERVAL_MS = 2000;
/** Columns of the wall, from a number of cameras on. */
const COLUMNS = new Map([
  [1, 1],
  [2, 2],
  [5, 3],
  [10, 4],
]);
/** From so many cameras on each shows only what a glance needs. */
const DENSE = 5;

const parameters = new URLSearchParams(location.search);
const wall = document.querySelector('#wall');
const summary = document.querySelector('#summary');
/** @type {Map<string, Tile>} */
const tiles = new Map();

const views = {
  camera: new CameraView(document.querySelector('#camera'), (name) => tiles.get(name)),
  shadow: new ShadowView(document.querySelector('#shadow')),
  activity: new ActivityView(document.querySelector('#activity')),
};
const device = new DeviceChip(document.querySelector('#device'));
const mishaps = new MishapPanel(document.querySelector('#mishaps'), document.querySelector('#break'));

/**
 * Adds a tile for a camera, one more viewer of it.
 * @param {string} name
 */
function addTile(name) {
  const tile = new Tile({ name });
  let id = name;
  for (let count = 2; tiles.has(id); count++) id = `${name}-${count}`;
  tiles.set(id, tile);
  wall.append(tile.element);
  layOut();
  return { id, tile };
}

function layOut() {
  const columns = [...COLUMNS].findLast(([from]) => tiles.size >= from)?.[1] ?? 1;
  wall.style.setProperty('--columns', columns);
  wall.style.setProperty('--rows', Math.ceil(tiles.size / columns));
  wall.classList.toggle('dense', tiles.size >= DENSE);
}

function showCameras(cameras) {
  const { cameras: states = {} } = store.last('shadow')?.shadow.status ?? {};
  for (const tile of tiles.values()) {
    const camera = cameras.find(({ name }) => name === tile.name);
    // The device counts those too whose signaling has ended.
    if (camera) tile.showCamera({ ...camera, ...states[tile.name] });
  }
  const online = cameras.filter((camera) => camera.online).length;
  const count = `${cameras.length} ${cameras.length === 1 ? 'camera' : 'cameras'}`;
  setText(summary, cameras.length > 0 ? `${count}, ${online} online` : 'No cameras are configured.');
}

async function poll() {
  try {
    const [cameras, usage] = await Promise.all([api('cameras'), api('device')]);
    showCameras(cameras);
    device.show(usage);
  } catch {
    showServerLost();
  }
}

function showServerLost() {
  setText(summary, 'The server does not answer. Is npm start still running?');
  device.show({});
}

/** A browser takes half a minute to notice that its peer is gone; the server knows at once. */
function deviceChanged({ detail }) {
  if (detail.kind !== 'device' || detail.at < performance.timeOrigin) return;
  for (const tile of tiles.values()) tile.lost(detail.text);
}

/** `#/`, `#/camera/<name>`, `#/shadow`, `#/activity`. */
function route() {
  const [, view = '', name = ''] = location.hash.split('/');
  const shown = Object.hasOwn(views, view) ? view : 'wall';
  document.body.dataset.view = shown;
  wall.hidden = shown !== 'wall' && shown !== 'camera';
  const camera = decodeURIComponent(name);
  for (const [id, tile] of tiles) {
    const alone = shown === 'camera' && id === camera;
    tile.element.hidden = shown === 'camera' && !alone;
    tile.meter.alone = alone;
    tile.meter.paused = wall.hidden || tile.element.hidden;
  }
  for (const [key, each] of Object.entries(views)) {
    if (key === shown) void each.show(camera);
    else each.hide();
  }
  for (const link of document.querySelectorAll('nav a')) {
    if (link.dataset.view === shown) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
}

function toggleTheme() {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const now = document.documentElement.dataset.theme ?? (dark ? 'dark' : 'light');
  const next = now === 'dark' ? 'light' : 'dark';
  document.documentElement.dataset.theme = next;
  localStorage.setItem('theme', next);
  views.camera.redraw();
}

/**
 * For the browser's own console, and for automation: every function is one that the page itself uses.
 * A tile's id is its camera's name, with -2, -3 … for further viewers of the same camera.
 */
window.kvs = {
  cameras: () => api('cameras'),
  /** Adds a tile and starts it; resolves to its id. */
  async open(name) {
    const { id, tile } = addTile(name);
    await tile.start();
    return id;
  },
  /** Stops a tile and takes it off the wall. */
  close(id) {
    const tile = tiles.get(id);
    tile?.stop();
    tile?.element.remove();
    tiles.delete(id);
    layOut();
  },
  tile: (id) => tiles.get(id),
  ids: () => [...tiles.keys()],
  /** State, reason and milliseconds from the offer to each stage. */
  status(id) {
    const viewer = tiles.get(id)?.viewer;
    if (!viewer) return { state: 'connecting', reason: '' };
    const { offerAt, answerAt, connectedAt } = viewer.timings;
    const since = (at) => (at > 0 ? at - offerAt : undefined);
    return {
      state: viewer.state,
      reason: viewer.reason,
      clientId: viewer.clientId,
      answerMs: since(answerAt),
      connectedMs: since(connectedAt),
      firstFrameMs: viewer.firstFrameMs,
    };
  },
  figures: (id) => readFigures(tiles.get(id).viewer.peer),
};

/** `?camera=NAME` (repeatable) picks cameras, `?viewers=N` opens N tiles of each, `?play=0` leaves the wall empty. */
async function main() {
  const theme = localStorage.getItem('theme');
  if (theme) document.documentElement.dataset.theme = theme;
  document.querySelector('#theme').addEventListener('click', toggleTheme);
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => views.camera.redraw());

  const cameras = await api('cameras');
  const chosen = parameters.getAll('camera');
  const names = chosen.length > 0 ? chosen : cameras.map(({ name }) => name);
  const viewers = Number(parameters.get('viewers') ?? 1);
  if (parameters.get('play') !== '0') {
    await Promise.all(
      names.flatMap((name) => Array.from({ length: viewers }, () => addTile(name).tile.start())),
    );
  }
  store.addEventListener('event', deviceChanged);
  store.addEventListener('lost', showServerLost);
  store.connect();
  await mishaps.load();
  addEventListener('hashchange', route);
  route();
  showCameras(cameras);
  setInterval(() => void poll(), POLL_INTERVAL_MS);
}

await main();
