import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { discoveredName, discoveredUrls, neighbours } from '../../../src/doctor/scan.ts';

function probeMatch(prefix: string): string {
  const addresses = 'http://192.168.1.64/onvif/device_service http://[fe80::1]/onvif/device_service';
  return `<s:Body><${prefix}ProbeMatch><${prefix}XAddrs>${addresses}</${prefix}XAddrs></${prefix}ProbeMatch></s:Body>`;
}

function scopes(name: string): string {
  return `<d:Scopes>onvif://www.onvif.org/type/video_encoder onvif://www.onvif.org/name/${name} onvif://x/y</d:Scopes>`;
}

describe('scan', () => {
  test('an ONVIF answer names the camera’s addresses, whatever the namespace’s prefix', () => {
    const expected = ['http://192.168.1.64/onvif/device_service', 'http://[fe80::1]/onvif/device_service'];
    for (const prefix of ['', 'd:', 'wsdd:']) assert.deepEqual(discoveredUrls(probeMatch(prefix)), expected);
  });

  test('what is no answer, or holds a password, names nothing', () => {
    for (const text of ['', '<XAddrs>', '<d:XAddrs>ftp://x http://user:pw@host/</d:XAddrs>'])
      assert.deepEqual(discoveredUrls(text), []);
  });

  test('its name is in its scopes', () => {
    assert.equal(discoveredName(scopes('HIKVISION%20DS-2CD2042WD')), 'HIKVISION DS-2CD2042WD');
    assert.equal(discoveredName(scopes('50%')), '50%');
    assert.equal(discoveredName(scopes('a%1b%0Ab')), 'a  b');
    assert.equal(discoveredName(''), '');
  });

  test('the neighbours of an address are the other hosts of its network, never those of a large one', () => {
    assert.deepEqual(neighbours('192.168.1.5', '255.255.255.252'), ['192.168.1.6']);
    const all = neighbours('10.0.0.77', '255.255.255.0');
    assert.equal(all.length, 253);
    assert.deepEqual([all[0], all.at(-1)], ['10.0.0.1', '10.0.0.254']);
    assert.ok(!all.includes('10.0.0.77'));
    assert.deepEqual(neighbours('172.16.0.1', '255.255.0.0'), []);
  });
});
