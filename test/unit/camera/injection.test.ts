import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { planInputs } from '../../../src/camera/capture-plan.ts';
import { ffmpegArgs, type ArgsContext } from '../../../src/camera/ffmpeg-args.ts';
import type { CameraConfig } from '../../../src/config/config.ts';
import { applyDesired } from '../../../src/config/desired-state.ts';
import type { JsonObject } from '../../../src/config/layers.ts';

const LOCAL = [
  {
    name: 'file',
    values: {
      aws: { region: 'us-west-2' },
      device: { thingName: 'door' },
      secrets: { login: { env: 'LOGIN' } },
    },
  },
];
const names = new Set<string>();
const capabilities = { versionText: 'x', version: 5.01, encoders: names, filters: names, drawText: true };

/** Cameras in which every text that reaches ffmpeg has a place, told apart by it. */
const CAMERAS: ((text: string) => JsonObject)[] = [
  (text) => ({ source: { type: 'test' }, overlay: { text } }),
  (text) => ({ source: { type: 'test' }, video: { encoder: text } }),
  (text) => ({ source: { type: 'test' }, video: { codec: text } }),
  (text) => ({ source: { type: 'test' }, audio: { codec: text } }),
  (text) => ({
    source: { type: 'test' },
    video: { renditions: { [text]: {}, low: { width: 320, height: 180 } } },
  }),
  (text) => ({ source: { type: 'v4l2', device: text } }),
  (text) => ({ source: { type: 'v4l2', device: `/dev/v4l/by-id/${text}` } }),
  (text) => ({ source: { type: 'v4l2', device: '/dev/video0', audioDevice: text } }),
  (text) => ({ source: { type: 'v4l2', device: '/dev/video0', audioDevice: `plughw:${text}` } }),
  (text) => ({ source: { type: 'rtsp', url: text } }),
  (text) => ({ source: { type: 'rtsp', url: `rtsp://${text}` } }),
  (text) => ({ source: { type: 'rtsp', url: `rtsp://camera/${text}` } }),
  (text) => ({ source: { type: 'rtsp', url: `rtsp://camera/${text}`, credentialsRef: 'login' } }),
  (text) => ({
    source: { type: 'rtsp', url: 'rtsp://camera/', subUrl: `rtsp://camera/${text}`, transport: 'udp' },
  }),
  (text) => ({ source: { type: 'rtsp', url: 'rtsp://camera/', transport: text } }),
];
const BENIGN = ['a', 'libx264', 'h264', 'opus', '/dev/video0', 'default', '0,0', 'rtsp://camera/', 'udp'];
const ATTACKS = [
  '-y',
  '-i /etc/passwd',
  ' -f lavfi -i movie=/etc/passwd',
  '/tmp/a -y /etc/passwd',
  '\n-y',
  '\0',
  "'\nfile '/etc/passwd",
  "x' option protocol_whitelist file",
  '%0afile%20/etc/passwd',
  'x?tcp&listen=1',
  'x|cat /etc/passwd',
  '$(reboot)',
  '`reboot`',
  '../../etc/passwd',
  '..%2f..%2fetc%2fpasswd',
  'pipe:0',
  'concat:/etc/passwd',
  'subfile,,start,0,end,0,,:/etc/passwd',
  'file:/etc/passwd',
  'tee:/etc/passwd',
  "0':textfile=/etc/passwd:x='",
  '0],movie=/etc/passwd[x',
  '0;movie=/etc/passwd',
  'x#[f=nut]/etc/passwd',
  '__proto__',
  'constructor',
];
const text = fc.oneof(
  fc.constantFrom(...BENIGN, ...ATTACKS),
  fc.string({ unit: fc.constantFrom(...`-./:,;='"[]{}%|&?#@$ \\\n\0aZ0é`.split('')), maxLength: 20 }),
  fc.tuple(fc.constantFrom(...BENIGN), fc.constantFrom(...ATTACKS)).map((both) => both.join('')),
);

test('no text that the shadow may set adds an argument, an option or a line to what ffmpeg is told', () => {
  const shapes = CAMERAS.map((camera) => {
    const shape = BENIGN.map((value) => shapeOf(camera(value))).find((each) => each !== undefined);
    assert.ok(shape !== undefined, JSON.stringify(camera('…')));
    return shape;
  });
  let accepted = 0;
  fc.assert(
    fc.property(fc.nat(CAMERAS.length - 1), text, (index, value) => {
      const shape = shapeOf(CAMERAS[index]?.(value) ?? {});
      if (shape === undefined) return;
      accepted += 1;
      assert.equal(shape, shapes[index], value);
    }),
    { numRuns: 600 },
  );
  assert.ok(accepted > 30, `only ${accepted} were accepted: nothing was tried`);
});

/** Options of all command lines, how many arguments there are, and what each line of a playlist is; undefined where it is refused. */
function shapeOf(camera: JsonObject): string | undefined {
  const outcome = applyDesired(LOCAL, { cameras: { front: camera } });
  const config = outcome.accepted ? outcome.config.cameras['front'] : undefined;
  if (!config) return undefined;
  // It stands in one place, as it is.
  assert.match(config.video.encoder, /^[a-z]\w*$/);
  return JSON.stringify(linesOf(config));
}

function linesOf(config: CameraConfig) {
  const context: ArgsContext = {
    config,
    capabilities,
    encoder: 'libx264',
    isWanted: () => true,
    ...(config.source.type === 'rtsp' &&
      config.source.credentialsRef !== undefined && { credentials: { user: 'u', password: "p' -y" } }),
  };
  return planInputs(config).map((plan) => {
    const { args, stdinText = '' } = ffmpegArgs(plan, context);
    const options = args.filter((arg) => /^-[^\d]/.test(arg));
    const graph = args[args.indexOf('-filter_complex') + 1] ?? '';
    assert.ok(
      !args.includes('-filter_complex') ||
        filtersIn(graph) === filtersIn(graph.replace(/text=.*?:fontsize/, 'text=x:fontsize')),
    );
    const lines = stdinText.split('\n').map((line) => line.split(' ')[0]);
    return { count: args.length, options, lines };
  });
}

/** Filters and chains of a graph, as ffmpeg divides it: what is escaped does not count. */
function filtersIn(graph: string): number {
  return graph
    .replace(/\\./gs, '')
    .replace(/'[^']*'/g, '')
    .split(/[,;[\]]/).length;
}
