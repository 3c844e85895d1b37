import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseServerUri } from '../../../src/webrtc/werift/ice-servers.ts';

test('STUN and TURN URIs in the forms that KVS hands out', () => {
  assert.deepEqual(parseServerUri('stun:stun.kinesisvideo.us-west-2.amazonaws.com:443'), {
    scheme: 'stun',
    host: 'stun.kinesisvideo.us-west-2.amazonaws.com',
    port: 443,
    transport: 'udp',
  });
  assert.deepEqual(
    parseServerUri('turns:1-2-3-4.t-abc.kinesisvideo.us-west-2.amazonaws.com:443?transport=tcp'),
    {
      scheme: 'turns',
      host: '1-2-3-4.t-abc.kinesisvideo.us-west-2.amazonaws.com',
      port: 443,
      transport: 'tcp',
    },
  );
  assert.equal(parseServerUri('turn:[2001:db8::1]:3478?transport=udp')?.host, '2001:db8::1');
  assert.equal(parseServerUri('turns:host')?.port, 5349);
});

test('anything else is no server', () => {
  for (const uri of ['', 'http://x', 'turn:', 'turn:host:99999999', 'turn:host?transport=sctp', 'stun:a b']) {
    assert.equal(parseServerUri(uri), undefined, uri);
  }
});
