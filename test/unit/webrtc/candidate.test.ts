import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { candidatePriority, formatCandidate, parseCandidate } from '../../../src/webrtc/ice/candidate.ts';

test('candidates as Chrome, Firefox, Safari and the KVS SDKs write them', () => {
  const lines = [
    'candidate:842163049 1 udp 1677729535 203.0.113.7 46154 typ srflx raddr 10.0.17.1 rport 46154 generation 0 ufrag EEtu network-cost 999',
    'candidate:0 1 UDP 2122252543 192.168.1.5 54400 typ host',
    'candidate:3076439155 1 udp 2113937151 0f6b2d55-7b1c-4c1e-9c3d-0a7d5c5ad8a1.local 56789 typ host generation 0 ufrag x+/y network-cost 999',
    'candidate:5 1 udp 16777215 2001:DB8:0:0::7 61000 typ relay raddr 0.0.0.0 rport 0',
    'a=candidate:1 1 udp 2130706431 10.1.2.3 5000 typ host',
    'candidate:7 1 tcp 1518280447 192.168.1.5 9 typ host tcptype active generation 0',
  ];
  assert.deepEqual(
    lines.map((line) => {
      const candidate = parseCandidate(line);
      return candidate && [candidate.type, candidate.transport, candidate.address, candidate.port];
    }),
    [
      ['srflx', 'udp', '203.0.113.7', 46_154],
      ['host', 'udp', '192.168.1.5', 54_400],
      ['host', 'udp', '0f6b2d55-7b1c-4c1e-9c3d-0a7d5c5ad8a1.local', 56_789],
      ['relay', 'udp', '2001:db8::7', 61_000],
      ['host', 'udp', '10.1.2.3', 5_000],
      ['host', 'tcp', '192.168.1.5', 9],
    ],
  );
  assert.equal(parseCandidate(lines[0] ?? '')?.usernameFragment, 'EEtu');
});

test('what is no candidate of ours is refused', () => {
  for (const line of [
    '',
    'candidate:',
    'candidate:1 2 udp 1 10.0.0.1 5000 typ host',
    'candidate:1 1 udp 1 10.0.0.1 70000 typ host',
    'candidate:1 1 udp 1 10.0.0.1 0 typ host',
    'candidate:1 1 udp 1 example.com 5000 typ host',
    'candidate:1 1 udp 1 fe80::1%eth0 5000 typ host',
    'candidate:1 1 udp 1 10.0.0.1 5000 typ other',
    'candidate:1 1 sctp 1 10.0.0.1 5000 typ host',
    `candidate:1 1 udp 1 10.0.0.1 5000 typ host ${'x'.repeat(2_000)}`,
  ])
    assert.equal(parseCandidate(line), undefined, line.slice(0, 60));
});

test('what is written is read again', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.ipV4(), fc.ipV6()),
      fc.integer({ min: 1, max: 65_535 }),
      fc.constantFrom('host', 'srflx', 'relay'),
      fc.nat(65_535),
      (address, port, type, preference) => {
        const line = formatCandidate(
          {
            foundation: '1',
            transport: 'udp',
            priority: candidatePriority(type, preference),
            address,
            port,
            type,
            ...(type === 'host' ? {} : { related: { address: '10.0.0.1', port: 1 } }),
          },
          'frag',
        );
        const read = parseCandidate(line);
        assert.ok(read, line);
        assert.equal(read.port, port);
        assert.equal(read.type, type);
        assert.equal(read.priority, candidatePriority(type, preference));
        assert.equal(read.usernameFragment, 'frag');
      },
    ),
  );
});

test('direct ways come before reflexive ones and those before relays', () => {
  const order = ['host', 'srflx', 'relay'] as const;
  const priorities = order.map((type) => candidatePriority(type, 65_535));
  assert.deepEqual(
    priorities,
    priorities.toSorted((a, b) => b - a),
  );
  assert.equal(candidatePriority('host', 65_535), 2_130_706_431);
});

test('hostile lines neither throw nor take long', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 1_500 }), (text) => {
      parseCandidate(text);
      parseCandidate(`candidate:${text}`);
      parseCandidate(`candidate:1 1 udp 1 ${text} typ host`);
    }),
    { numRuns: 2_000 },
  );
});
