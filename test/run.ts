/**
 * `npm test`: every check that belongs in CI, in order, cheapest first; the first failing stage ends the run.
 *   node test/run.ts              all stages
 *   node test/run.ts unit e2e     these stages only
 *   node test/run.ts long         the tests that need long waits (`npm run test:long`)
 * What the stages, and the programs that the tests start, write is kept in test/output/record while the stage `secrets`
 * is among them, which searches all of it for the secrets that the local cloud gave out.
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { leaks, record, RECORD_VARIABLE, startRecord } from './support/run-record.ts';

interface Stage {
  name: string;
  /** Program and arguments, found on the PATH that `npm run` sets; or what to do here. Undefined: nothing to do yet. */
  command: string[] | (() => number) | undefined;
}

interface Outcome {
  name: string;
  result: 'passed' | 'failed' | 'nothing to run';
  seconds: number;
}

/** A test that outlives this hangs, or a suite: report it rather than let CI run into its own limit. The longest of integration records a minute. */
const TEST_TIMEOUT_MS = { unit: 60_000, integration: 150_000, e2e: 90_000 };
const LONG_TEST_TIMEOUT_MS = 3_600_000;

const CI_STAGES = [
  'lock file',
  'types',
  'lint',
  'format',
  'config table',
  'build',
  'unit',
  'integration',
  'e2e',
  'secrets',
];
const RECORD = join(import.meta.dirname, 'output/record');

function stage(name: string): Stage {
  switch (name) {
    // A lock file written where a package could not be reached lacks it, and a fresh clone cannot install.
    case 'lock file':
      return { name, command: ['npm', 'ci', '--dry-run', '--loglevel=error'] };
    case 'types':
      return { name, command: ['tsc', '--noEmit'] };
    case 'lint':
      return { name, command: ['oxlint', '--type-aware', '--deny-warnings'] };
    case 'format':
      return { name, command: ['prettier', '--check', '--log-level', 'warn', '.'] };
    case 'config table':
      return { name, command: script('artifacts/readme-config.ts', '--check') };
    case 'build':
      return { name, command: script('artifacts/build.ts') };
    case 'unit':
      return { name, command: tests('test/unit', TEST_TIMEOUT_MS.unit, 2) };
    case 'integration':
      return { name, command: tests('test/integration', TEST_TIMEOUT_MS.integration, 2) };
    // One browser and one encoder fill two cores: side by side these would measure each other.
    case 'e2e':
      return { name, command: tests('test/e2e', TEST_TIMEOUT_MS.e2e, 1) };
    case 'long':
      return { name, command: tests('test/long', LONG_TEST_TIMEOUT_MS, 1) };
    case 'secrets':
      return { name, command: searchSecrets };
    default:
      throw new Error(`unknown stage "${name}"; known: ${CI_STAGES.join(', ')}, long`);
  }
}

function script(path: string, ...args: string[]): string[] | undefined {
  return existsSync(path) ? ['node', path, ...args] : undefined;
}

function tests(folder: string, timeoutMs: number, concurrency: number): string[] | undefined {
  const files = globSync(`${folder}/**/*.test.ts`).toSorted();
  if (files.length === 0) return undefined;
  return [
    'node',
    '--test',
    '--test-reporter=spec',
    `--test-concurrency=${concurrency}`,
    `--test-timeout=${timeoutMs}`,
    ...files,
  ];
}

function searchSecrets(): number {
  const places = leaks(RECORD);
  const verdict = places.length === 0 ? 'no secret in anything that was written' : 'secrets were written:';
  process.stdout.write(`${[verdict, ...places].join('\n  ')}\n`);
  return places.length === 0 ? 0 : 1;
}

/** Runs to the end, its output shown and kept; resolves to the exit code. */
function run(name: string, command: string[]): Promise<number> {
  const [program = '', ...args] = command;
  // `npm test` puts the pinned Node and the tools first on the PATH; do the same when started by hand.
  const env = {
    ...process.env,
    PATH: `${dirname(process.execPath)}:node_modules/.bin:${process.env['PATH']}`,
    // Through a pipe, but for the terminal all the same.
    ...(process.stdout.isTTY && { FORCE_COLOR: '1' }),
  };
  const child = spawn(program, args, { stdio: ['inherit', 'pipe', 'pipe'], env });
  const pass = (target: NodeJS.WriteStream) => (text: string) => {
    target.write(text);
    record(`stage ${name}`, text);
  };
  child.stdout.setEncoding('utf8').on('data', pass(process.stdout));
  child.stderr.setEncoding('utf8').on('data', pass(process.stderr));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => resolve(code ?? 1));
  });
}

async function runStage({ name, command }: Stage): Promise<Outcome> {
  if (!command) return { name, result: 'nothing to run', seconds: 0 };
  process.stdout.write(`\n── ${name} ──\n`);
  const startedAt = performance.now();
  const code = typeof command === 'function' ? command() : await run(name, command);
  const seconds = (performance.now() - startedAt) / 1000;
  return { name, result: code === 0 ? 'passed' : 'failed', seconds };
}

function printSummary(outcomes: Outcome[]): void {
  const total = outcomes.reduce((sum, { seconds }) => sum + seconds, 0);
  const rows = outcomes.map(
    ({ name, result, seconds }) => `  ${name.padEnd(14)} ${seconds.toFixed(1).padStart(6)} s  ${result}`,
  );
  const failed = outcomes.filter(({ result }) => result === 'failed').length;
  const verdict = failed === 0 ? 'all stages passed' : 'stopped at the first failing stage';
  process.stdout.write(`\n── summary ──\n${rows.join('\n')}\n  ${verdict}, ${total.toFixed(1)} s in all\n`);
}

const names = process.argv.slice(2);
const stages = (names.length > 0 ? names : CI_STAGES).map(stage);
if (stages.some(({ name }) => name === 'secrets')) {
  startRecord(RECORD);
  process.env[RECORD_VARIABLE] = RECORD;
}
const outcomes: Outcome[] = [];
for (const next of stages) {
  const outcome = await runStage(next);
  outcomes.push(outcome);
  if (outcome.result === 'failed') break;
}
printSummary(outcomes);
process.exitCode = outcomes.some(({ result }) => result === 'failed') ? 1 : 0;
