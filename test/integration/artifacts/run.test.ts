import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { which } from './support/device.ts';

const RUN = join(import.meta.dirname, '../../../artifacts/run.sh');
/** Stands in for Node: says who it is, how it was called, and ends with a code of its own. */
const NODE = `#!/bin/sh
echo "$0 $*"
echo "state $KVS_STATE_DIRECTORY"
echo "crt \${AWS_CRT_NODEJS_BINARY_ABSOLUTE_PATH:-as it is}"
echo "pid $$"
exit 7
`;

interface Start {
  artifact?: readonly string[];
  scripts?: Record<string, string>;
  environment?: Record<string, string>;
}

/** Runs the startup step in a folder with these files of the artifact, and these programs on the PATH. */
function start({ artifact = ['node'], scripts = {}, environment = {} }: Start) {
  const folder = mkdtempSync(join(tmpdir(), 'kvs-run-'));
  try {
    for (const name of ['artifact', 'bin', 'work']) mkdirSync(join(folder, name));
    cpSync(RUN, join(folder, 'artifact/run.sh'));
    const script = { mode: 0o755, flag: 'wx' } as const;
    for (const name of artifact) writeFileSync(join(folder, 'artifact', name), NODE, script);
    for (const [name, text] of Object.entries(scripts))
      writeFileSync(join(folder, 'bin', name), `#!/bin/sh\n${text}\n`, script);
    for (const name of ['sh', 'dirname', 'touch'])
      if (!Object.hasOwn(scripts, name)) symlinkSync(which(name), join(folder, 'bin', name));
    const { status, stdout, stderr, pid } = spawnSync('sh', ['-c', `exec sh "${folder}/artifact/run.sh"`], {
      cwd: join(folder, 'work'),
      env: { PATH: join(folder, 'bin'), ...environment },
      encoding: 'utf8',
    });
    return { status, pid, stderr, output: stdout.replaceAll(folder, '') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('becomes the agent on the artifact’s own Node, with its state in the work folder', () => {
  const { status, pid, output } = start({});
  assert.equal(
    output,
    `/artifact/node --max-semi-space-size=1 /artifact/kvs-webrtc-agent.mjs run\nstate /work/state\ncrt as it is\npid ${pid}\n`,
  );
  assert.equal(status, 7);
});

test('without a Node in the artifact it takes the device’s, and aws-crt for its C library', () => {
  const artifact = ['aws-crt-nodejs-musl.node'];
  const node = NODE.replace('#!/bin/sh\n', '');
  const glibc = start({ artifact, scripts: { node, ldd: 'echo "ldd (Debian GLIBC 2.36) 2.36"' } });
  assert.match(
    glibc.output,
    /^\/bin\/node --max-semi-space-size=1 \/artifact\/kvs-webrtc-agent\.mjs run\n[^]*crt as it is/,
  );
  const musl = start({ artifact, scripts: { node, ldd: 'echo "musl libc (aarch64)" >&2; exit 1' } });
  assert.match(musl.output, /crt \/artifact\/aws-crt-nodejs-musl\.node/);
});

test('tells systemd that it is up, where the nucleus lite would have to; its failing is no fault', () => {
  const environment = { NOTIFY_SOCKET: '/run/systemd/notify' };
  const told = start({ environment, scripts: { 'systemd-notify': 'echo "told $*"' } });
  assert.match(told.output, /^told --ready\n\/artifact\/node /);
  assert.equal(start({ environment, scripts: { 'systemd-notify': 'exit 1' } }).status, 7);
  assert.equal(start({ environment }).status, 7);
  assert.doesNotMatch(start({ scripts: { 'systemd-notify': 'echo told' } }).output, /told/);
});
