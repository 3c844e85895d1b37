import assert from 'node:assert/strict';
import { buildConfig } from '../../../../src/config/build.ts';
import type { AgentConfig } from '../../../../src/config/config.ts';
import { ConfigError, type Fault } from '../../../../src/config/faults.ts';
import type { JsonObject } from '../../../../src/config/layers.ts';

/** The configuration of a file with `values`, in a region. */
export function build(values: JsonObject): AgentConfig {
  return buildConfig([
    { name: 'aws', values: { aws: { region: 'us-west-2' } } },
    { name: 'file', values },
  ]);
}

/** What `work` was refused for. */
export function faultsOf(work: () => unknown): readonly Fault[] {
  try {
    work();
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return assert.fail('nothing was refused');
}

/** The one fault of `values`, which must be at `key`. */
export function faultAt(key: string, values: JsonObject): Fault {
  const faults = faultsOf(() => build(values));
  assert.deepEqual(
    faults.map((fault) => fault.key),
    [key],
  );
  const [fault] = faults;
  assert.ok(fault);
  return fault;
}
