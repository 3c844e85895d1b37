import assert from 'node:assert/strict';
import { test } from 'node:test';
import { install, USER, which } from './support/device.ts';

const NODE = 'echo v24.1.0';

test('a device that has everything is told so in one line', () => {
  const { code, output } = install({ node: NODE, scripts: { id: groupsOf('nogroup video audio') } });
  assert.equal(code, 0, output);
  const line = `^kvs-webrtc-agent install: this device can run the agent: user ${USER}, Node v24\\.1\\.0, ffmpeg \\d\\S*\\.\n$`;
  assert.match(output, new RegExp(line));
});

/** `id` whose user is in these groups. */
function groupsOf(names: string): string {
  return `case $1 in -nG) echo ${names} ;; *) exec ${which('id')} "$@" ;; esac`;
}

/** `id` of a nucleus that runs as root. */
function root(): string {
  return `case "$*" in -u) echo 0 ;; *) exec ${which('id')} "$@" ;; esac`;
}

test('no ffmpeg: the deployment fails, with what to install', () => {
  const { code, output } = install({ node: NODE, programs: [] });
  assert.equal(code, 1);
  assert.match(
    output,
    /FAULT: user \S+ finds no ffmpeg .* Cure: apt-get install ffmpeg, or installPackages: true/,
  );
  assert.match(output, /cannot run on this device: 1 fault/);
});

test('no ffmpeg where the configuration names one', () => {
  const environment = { INSTALL_FFMPEG: '/opt/camera/ffmpeg' };
  const { code, output } = install({ node: NODE, environment });
  assert.equal(code, 1);
  assert.match(output, /no ffmpeg at \/opt\/camera\/ffmpeg .* Cure: correct ffmpeg\.path/);
});

test('with installPackages, and only with it, ffmpeg is installed with apt', () => {
  const aptGet = `case " $* " in *" ffmpeg "*) ln -s ${which('ffmpeg')} "\${0%/*}/ffmpeg" ;; esac`;
  const device = { node: NODE, programs: [], scripts: { 'apt-get': aptGet, id: root() } };
  const asked = install({ ...device, environment: { INSTALL_PACKAGES: 'true' } });
  assert.equal(asked.code, 0, asked.output);
  assert.match(asked.output, /installing ffmpeg with apt/);
  assert.equal(install({ ...device, environment: { INSTALL_PACKAGES: 'false' } }).code, 1);
});

test('installPackages where apt is missing or fails: the cure still stands there', () => {
  const environment = { INSTALL_PACKAGES: 'true' };
  const without = install({ node: NODE, programs: [], environment });
  assert.equal(without.code, 1);
  assert.match(
    without.output,
    /this system has no apt-get[^]*where there is no such package .* ffmpeg\.path/,
  );
  const failing = install({
    node: NODE,
    programs: [],
    environment,
    scripts: { 'apt-get': 'exit 100', id: root() },
  });
  assert.equal(failing.code, 1);
  assert.match(failing.output, /apt-get install ffmpeg failed[^]*FAULT/);
});

test('an artifact for another architecture', () => {
  const { code, output } = install({ node: NODE, machine: 'riscv64' });
  assert.equal(code, 1);
  assert.match(output, /FAULT: this artifact is for riscv64, this device is \w+\. Cure/);
  assert.doesNotMatch(output, /Node|ffmpeg/);
});

test('32-bit ARM: what is not possible, and what is', () => {
  const uname = { uname: 'echo armv7l' };
  const { code, output } = install({ node: NODE, machine: 'aarch64', scripts: uname, programs: ['ffmpeg'] });
  assert.equal(code, 1);
  assert.match(output, /32-bit ARM system \(armv7l\).* Cure: a 64-bit system/);
  const mixed = { uname: 'echo aarch64', getconf: 'echo 32' };
  const userland = install({ node: NODE, machine: 'aarch64', scripts: mixed });
  assert.equal(userland.code, 1);
  assert.match(userland.output, /kernel is 64-bit \(aarch64\), but the system's programs are 32-bit/);
});

test('the Node of the artifact does not start', () => {
  const { code, output } = install({ node: 'echo "GLIBC_2.28 not found" >&2; exit 1' });
  assert.equal(code, 1);
  assert.match(output, /does not start as user \S+: GLIBC_2\.28 not found\. It needs glibc 2\.28/);
  const musl = install({ node: 'exit 1', scripts: { ldd: 'echo "musl libc (x86_64)" >&2' } });
  assert.equal(musl.code, 1);
  assert.match(musl.output, /this system has musl\. Cure: apk add nodejs/);
});

test('an artifact without Node: none on the device, an old one, a good one', () => {
  const none = install();
  assert.equal(none.code, 1);
  assert.match(none.output, /finds none on the PATH .* Cure: install Node 24 or newer/);
  const old = install({ scripts: { node: 'echo v20.19.5' } });
  assert.equal(old.code, 1);
  assert.match(old.output, /\/node is v20\.19\.5, the agent needs Node 24 or newer\. Cure/);
  const good = install({ scripts: { node: 'echo v26.0.0' } });
  assert.equal(good.code, 0, good.output);
  assert.match(good.output, /Node v26\.0\.0/);
});

test('an unreadable key costs nothing but the certificate: token exchange, and how to change that', () => {
  const { code, output } = install({ node: NODE, key: 'unreadable' });
  assert.equal(code, 0, output);
  assert.match(
    output,
    /note: user \S+ cannot read \S+device\.key: .* token exchange service\. .*setfacl -m u:\S+:r/,
  );
  const hsm = install({ node: NODE, key: 'pkcs11:object=key' });
  assert.equal(hsm.code, 0, hsm.output);
  assert.match(hsm.output, /not in a file: .* token exchange service/);
  const unknown = install({ node: NODE, key: 'unknown' });
  assert.equal(unknown.code, 0, unknown.output);
  assert.match(unknown.output, /settings cannot be read/);
});

test('lite has its settings in several files, the last of which counts', () => {
  const { code, output } = install({ node: NODE, key: 'unreadable', nucleus: 'lite' });
  assert.equal(code, 0, output);
  assert.match(output, /note: user \S+ cannot read \S+\/root\/device\.key: .* token exchange service\./);
});

test('a user outside of the groups video and audio is told what does not work', () => {
  const { code, output } = install({ node: NODE, scripts: { id: groupsOf('nogroup audio') } });
  assert.equal(code, 0, output);
  assert.match(output, new RegExp(`user ${USER} is not in the group video: .*usermod -aG video ${USER}`));
  assert.doesNotMatch(output, /group audio/);
});
