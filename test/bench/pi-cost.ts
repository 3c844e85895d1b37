/**
 * What the agent may cost on a Raspberry Pi 4, where none is at hand: an ESTIMATE from the instructions that the arm64
 * artifact executes, counted in QEMU's user mode. Printed: start to `--version`, and one packet of the send path
 * (rtp-send.ts over UDP, the difference of two runs), without AES instructions, which a Pi 4 lacks, and with.
 *   node test/bench/pi-cost.ts
 * Takes three minutes; needs qemu-aarch64 with plugins, gcc and the libraries of test/setup.sh.
 */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { packagedDevice } from '../e2e/support/packaged-device.ts';

/** A Cortex-A72 of a Pi 4. */
const CLOCK_HZ = 1.5e9;
/** Assumed: JavaScript runs from large code with many cache misses. */
const INSTRUCTIONS_PER_CYCLE = 0.8;
/** Of rtp-send.ts. */
const SECONDS = { few: 3, many: 7 };
const NATIVE_SECONDS = 40;
const PACKETS_PER_SECOND = 2880;
/** OpenSSL's: NEON and nothing else. */
const WITHOUT_AES = '0x1';
const RTP_SEND = join(import.meta.dirname, 'rtp-send.ts');

interface Counted {
  instructions: number;
  output: string;
}

needed('gcc', 'gcc');
if (!needed('qemu-aarch64', 'qemu-user', '-h').includes('-plugin'))
  throw new Error('this qemu-aarch64 takes no plugins: Debian 12 has one that does');
const folder = mkdtempSync(join(tmpdir(), 'kvs-pi-cost-'));
const device = packagedDevice('arm64');
try {
  const plugin = buildPlugin();
  const bundle = join(device.artifact, 'kvs-webrtc-agent.mjs');
  const start = count(plugin, [bundle, '--version']).instructions;
  const native = execFileSync(process.execPath, rtpSend(NATIVE_SECONDS), { encoding: 'utf8' });
  const withAes = perPacket(plugin, '');
  const withoutAes = perPacket(plugin, WITHOUT_AES);
  // QEMU counts what runs in user space. The kernel's part is as large beside it as on this machine, which has AES.
  const kernelSeconds = secondsOf(withAes) * kernelShareOf(native);
  print(`start to --version: ${describe(start, secondsOf(start))}`);
  for (const [name, instructions] of [
    ['Pi 4, no AES instructions', withoutAes],
    ['the same with them', withAes],
  ] as const) {
    const seconds = secondsOf(instructions) + kernelSeconds;
    const percent = (100 * seconds * PACKETS_PER_SECOND).toFixed(0);
    print(
      `a packet (${name}): ${describe(instructions, seconds)}; 10 viewers of 2.5 Mbps: ${percent} % of a core`,
    );
  }
  print(
    `ESTIMATED for ${CLOCK_HZ / 1e9} GHz and an assumed ${INSTRUCTIONS_PER_CYCLE} instructions a cycle; ` +
      `${(1e6 * kernelSeconds).toFixed(0)} µs of each packet are the kernel's`,
  );
} finally {
  device.remove();
  rmSync(folder, { recursive: true });
}

function buildPlugin(): string {
  const file = join(folder, 'count-instructions.so');
  const source = join(import.meta.dirname, 'support/count-instructions.c');
  execFileSync('gcc', ['-O2', '-shared', '-fPIC', '-o', file, source]);
  return file;
}

/** What the program says of itself. */
function needed(program: string, debianPackage: string, flag = '--version'): string {
  try {
    return execFileSync(program, [flag], { encoding: 'utf8' });
  } catch (cause) {
    throw new Error(`no ${program}: apt-get install ${debianPackage}`, { cause });
  }
}

/** Runs the artifact's own Node. `capabilities`: of the processor, for OpenSSL; empty: all. */
function count(plugin: string, args: readonly string[], capabilities = ''): Counted {
  const file = join(folder, 'instructions');
  const command = ['-cpu', 'cortex-a72', '-plugin', plugin, join(device.artifact, 'node'), ...args];
  const env = {
    PATH: '/usr/bin:/bin',
    QEMU_LD_PREFIX: '/usr/aarch64-linux-gnu',
    INSTRUCTIONS: file,
    ...(capabilities === '' ? {} : { OPENSSL_armcap: capabilities }),
  };
  const output = execFileSync('qemu-aarch64', command, { env, encoding: 'utf8' });
  return { instructions: Number(readFileSync(file, 'utf8')), output };
}

/** Instructions for each packet; what a run costs before and after its packets is in both runs and falls out. */
function perPacket(plugin: string, capabilities: string): number {
  const run = (seconds: number) => count(plugin, rtpSend(seconds), capabilities);
  const [few, many] = [run(SECONDS.few), run(SECONDS.many)];
  return (many.instructions - few.instructions) / (packetsOf(many.output) - packetsOf(few.output));
}

function describe(instructions: number, seconds: number): string {
  const time = seconds < 1e-3 ? `${(1e6 * seconds).toFixed(0)} µs` : `${(1e3 * seconds).toFixed(0)} ms`;
  return `${Math.round(instructions).toLocaleString('en')} instructions, about ${time}`;
}

function rtpSend(seconds: number): string[] {
  return [RTP_SEND, '--seconds', String(seconds), '--only', 'udp', '--profile', 'cm'];
}

function packetsOf(output: string): number {
  return Number(/(\d+) packets in all/.exec(output)?.[1]);
}

/** System time by user time. */
function kernelShareOf(output: string): number {
  const [, user, system] = /CPU: user ([\d.]+) s, system ([\d.]+) s/.exec(output) ?? [];
  return Number(system) / Number(user);
}

function secondsOf(instructions: number): number {
  return instructions / INSTRUCTIONS_PER_CYCLE / CLOCK_HZ;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
