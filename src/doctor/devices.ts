import { readdir, readFile } from 'node:fs/promises';
import { checkDeviceNode } from './device-node.ts';
import { found, type Finding } from './finding.ts';

export interface DevicesOptions {
  /** What a camera gives; none where it cannot be asked. */
  formatsOf: (device: string) => Promise<readonly CameraFormat[]>;
  /** Put before the kernel's own paths, `/sys`, `/proc` and `/dev`. */
  root?: string;
}

/** `name`: the pixel format. */
export interface CameraFormat {
  name: string;
  width: number;
  height: number;
}

const MOST_SIZES = 4;

/** Cameras and microphones of this device, with their formats, used or not, and what this user may do with them. */
export async function listDevices(options: DevicesOptions): Promise<Finding[]> {
  const parts = await Promise.all([user(options), cameras(options), microphones(options)]);
  return parts.flat();
}

async function user({ root = '' }: DevicesOptions): Promise<Finding[]> {
  const [status, users, groups] = await Promise.all(
    ['proc/self/status', 'etc/passwd', 'etc/group'].map((path) => textOf(`${root}/${path}`)),
  );
  const ids = (key: string) =>
    new RegExp(`^${key}:[ \\t]*(.*)$`, 'm').exec(status ?? '')?.[1]?.split(/\s+/) ?? [];
  const [, uid = '?'] = ids('Uid');
  const memberships = new Set([...ids('Gid').slice(1, 2), ...ids('Groups')].filter(Boolean));
  const text = [...memberships].map((gid) => nameOf(groups ?? '', gid)).join(', ');
  return [found('user', 'pass', `${nameOf(users ?? '', uid)}, in the groups ${text}`)];
}

/** In the manner of passwd(5) and group(5). */
function nameOf(table: string, id: string): string {
  const line = table.split('\n').find((each) => each.split(':')[2] === id);
  return line?.split(':')[0] ?? id;
}

async function cameras({ formatsOf, root = '' }: DevicesOptions): Promise<Finding[]> {
  const folder = `${root}/sys/class/video4linux`;
  const nodes = (await readdir(folder).catch(() => [])).filter((name) => /^video\d+$/.test(name));
  const findings = await Promise.all(
    nodes.toSorted(inNumericOrder).map(async (node) => {
      const device = `${root}/dev/${node}`;
      const denied = await deniedUse('cameras', device);
      if (denied.length > 0) return denied;
      const formats = await formatsOf(device);
      // A node of a camera beside that of its pictures, or a codec of the processor.
      if (formats.length === 0) return [];
      const name = (await textOf(`${folder}/${node}/name`)).trim();
      return [found('cameras', 'pass', `/dev/${node} ${name}: ${formatText(formats)}`)];
    }),
  );
  return orNone('cameras', 'no Video4Linux camera at this device', findings.flat());
}

/** `mjpeg 1920x1080 1280x720 and 3 smaller, yuyv422 640x480` */
function formatText(formats: readonly CameraFormat[]): string {
  const sizes = new Map<string, CameraFormat[]>();
  for (const format of formats) sizes.set(format.name, [...(sizes.get(format.name) ?? []), format]);
  return [...sizes]
    .map(([name, all]) => {
      const largest = all.toSorted((a, b) => b.width * b.height - a.width * a.height);
      const shown = largest.slice(0, MOST_SIZES).map(({ width, height }) => `${width}x${height}`);
      const more = all.length - shown.length;
      return `${[name, ...shown].join(' ')}${more > 0 ? ` and ${more} smaller` : ''}`;
    })
    .join(', ');
}

/** As ALSA tells in /proc/asound: `pcm` has a line a device, `cards` each card's id, which does not change with the order of plugs. */
async function microphones({ root = '' }: DevicesOptions): Promise<Finding[]> {
  const folder = `${root}/proc/asound`;
  const [devices, cards] = await Promise.all([textOf(`${folder}/pcm`), textOf(`${folder}/cards`)]);
  const findings = await Promise.all(
    [...devices.matchAll(/^(\d+)-(\d+): ([^:]*) :.*\bcapture \d+/gm)].map(async ([, card, device, name]) => {
      const [cardNumber, deviceNumber] = [Number(card), Number(device)];
      const denied = await deniedUse('microphones', `${root}/dev/snd/pcmC${cardNumber}D${deviceNumber}c`);
      if (denied.length > 0) return denied;
      const id = new RegExp(`^ *${cardNumber} \\[(\\S+) *\\]`, 'm').exec(cards)?.[1];
      const place = `plughw:${id === undefined ? cardNumber : `CARD=${id}`},${id === undefined ? '' : 'DEV='}${deviceNumber}`;
      const formats = soundFormats(await textOf(`${folder}/card${cardNumber}/stream${deviceNumber}`));
      const text = [`${place} ${name?.trim()}`, ...(formats.length > 0 ? [formats.join(', ')] : [])];
      return [found('microphones', 'pass', text.join(': '))];
    }),
  );
  return orNone('microphones', 'no microphone at this device', findings.flat());
}

/** What a USB sound card can capture; other cards do not tell without being opened. */
function soundFormats(stream: string): string[] {
  const [, capture = ''] = stream.split(/^Capture:$/m);
  const formats = [...capture.matchAll(/Format: (\S+)\n\s*Channels: (\d+)\n(?:.*\n)*?\s*Rates: (.*)/g)].map(
    ([, format, channels, rates]) =>
      `${format} ${channels} ${channels === '1' ? 'channel' : 'channels'} ${rates?.trim()} Hz`,
  );
  return [...new Set(formats)];
}

/** Whether a camera uses it is not known here: no failure. */
async function deniedUse(check: string, device: string): Promise<Finding[]> {
  return (await checkDeviceNode(check, device)).map((finding) => ({ ...finding, verdict: 'warn' }));
}

function orNone(check: string, text: string, findings: Finding[]): Finding[] {
  return findings.length > 0 ? findings : [found(check, 'skip', text)];
}

function inNumericOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
