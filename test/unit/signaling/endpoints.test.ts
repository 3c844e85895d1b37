import assert from 'node:assert/strict';
import { Agent } from 'node:https';
import { test } from 'node:test';
import { AwsControlPlane } from '../../../src/signaling/aws-control-plane.ts';
import { controlHost, type EndpointFlags } from '../../../src/signaling/control-plane.ts';
import { ClockSkew } from '../../../src/signaling/clock-skew.ts';
import { ManualClock } from './support/manual-clock.ts';

const credentials = { get: async () => ({ accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret' }) };

/** The host that the control plane's calls go to. */
async function hostOf(region: string, flags: EndpointFlags): Promise<string> {
  const asked = new Set<string>();
  // Nothing leaves this process: the name is all there is to know.
  const agent = new Agent({
    lookup: (host, _options, callback) => {
      asked.add(host);
      callback(new Error('no network'), '');
    },
  });
  const clock = new ManualClock();
  const plane = new AwsControlPlane({
    region,
    ...flags,
    credentials,
    clock,
    skew: new ClockSkew(clock),
    agent,
  });
  await assert.rejects(plane.describeChannel('front'));
  return [...asked].join();
}

/** https://docs.aws.amazon.com/general/latest/gr/akv.html */
const HOSTS: [region: string, flags: Partial<EndpointFlags>, host: string][] = [
  ['us-west-2', {}, 'kinesisvideo.us-west-2.amazonaws.com'],
  ['us-west-2', { useFips: true }, 'kinesisvideo-fips.us-west-2.amazonaws.com'],
  ['us-west-2', { useDualStack: true }, 'kinesisvideo.us-west-2.api.aws'],
  ['us-west-2', { useFips: true, useDualStack: true }, 'kinesisvideo-fips.us-west-2.api.aws'],
  ['us-gov-west-1', {}, 'kinesisvideo.us-gov-west-1.amazonaws.com'],
  ['us-gov-west-1', { useFips: true }, 'kinesisvideo-fips.us-gov-west-1.amazonaws.com'],
  ['cn-north-1', {}, 'kinesisvideo.cn-north-1.amazonaws.com.cn'],
  ['cn-north-1', { useDualStack: true }, 'kinesisvideo.cn-north-1.api.amazonwebservices.com.cn'],
];

for (const [region, given, host] of HOSTS)
  test(`the control plane of ${[region, ...Object.keys(given)].join(', ')}: called, and known to the doctor`, async () => {
    const flags = { useFips: false, useDualStack: false, ...given };
    assert.equal(await hostOf(region, flags), host);
    assert.equal(controlHost(region, flags), host);
  });
