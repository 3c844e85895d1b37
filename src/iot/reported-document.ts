import { isObject, type Json, type JsonObject } from '../config/layers.ts';
import { shadowPatch } from './shadow-patch.ts';

export interface AppliedDesired {
  /** Version of the shadow that `desired` was first seen in. */
  version: number;
  desired: JsonObject;
  /** Of a newer document that was not applied. */
  refusedVersion?: number;
  faults: readonly string[];
}

/** The nucleus lite drops longer answers without a word; some room for the topic. */
const MAX_ANSWER_BYTES = 4900;
const MAX_FAULTS = 10;
const MAX_FAULTS_ALONE = 3;
const MAX_FAULT_LENGTH = 160;

/**
 * What the configuring shadow reports: the applied desired as it came, so that the delta is empty, and beside it
 * `agent: {appliedVersion, refusedVersion?, faults?}`. As many faults as the whole answer to a `get` has room for, at
 * least one; where not even that has, `agent` alone, for the delta of a refused document is not empty anyway.
 * `wanted` is the shadow's desired section. `isShort`: a desired whose repetition would make the answer too long is not
 * repeated: `appliedVersion` says that it is applied, the delta stays.
 */
export function reportedDocument(
  { version, desired, refusedVersion, faults }: AppliedDesired,
  wanted: JsonObject,
  isShort = false,
): JsonObject {
  const agent: JsonObject = { appliedVersion: version };
  if (refusedVersion !== undefined) agent.refusedVersion = refusedVersion;
  const whole = { ...desired, agent };
  if (faults.length === 0)
    return isShort && answerBytes(wanted, whole) > MAX_ANSWER_BYTES ? { agent } : whole;
  for (let count = Math.min(faults.length, MAX_FAULTS); count > 0; count -= 1) {
    const reported = { ...desired, agent: { ...agent, faults: firstFaults(faults, count) } };
    if (answerBytes(wanted, reported) <= MAX_ANSWER_BYTES) return reported;
  }
  return { agent: { ...agent, faults: firstFaults(faults, MAX_FAULTS_ALONE) } };
}

function firstFaults(faults: readonly string[], count: number): string[] {
  const shown = faults.slice(0, count).map(shortened);
  return count < faults.length ? [...shown, `… and ${faults.length - count} more`] : shown;
}

function shortened(fault: string): string {
  return fault.length <= MAX_FAULT_LENGTH ? fault : `${fault.slice(0, MAX_FAULT_LENGTH - 1)}…`;
}

/** Size of the answer to a `get`: state with delta, and AWS's metadata, a timestamp for every value. */
function answerBytes(desired: JsonObject, reported: JsonObject): number {
  const { agent: _, ...applied } = reported;
  const delta = shadowPatch(applied, desired) ?? {};
  const metadata = { desired: stamped(desired), reported: stamped(reported) };
  const state = { desired, reported, delta };
  const answer = { state, metadata, version: 1e6, timestamp: 1e9, clientToken: 'x'.repeat(15) };
  return Buffer.byteLength(JSON.stringify(answer));
}

function stamped(value: Json): Json {
  if (Array.isArray(value)) return value.map(stamped);
  if (!isObject(value)) return { timestamp: 1e9 };
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, stamped(inner)]));
}
