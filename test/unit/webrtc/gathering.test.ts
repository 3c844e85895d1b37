import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { SILENT } from '../../../src/log.ts';
import { HostNames } from '../../../src/runtime/host-names.ts';
import { Gathering } from '../../../src/webrtc/ice/gathering.ts';
import { LocalNetwork, selectAddresses } from '../../../src/webrtc/ice/local-network.ts';
import { readAnswers } from '../../../src/webrtc/ice/mdns.ts';
import { inOrder } from '../../../src/webrtc/ice/relay-gathering.ts';
import { parseServerUri } from '../../../src/webrtc/ice/server-uri.ts';
import { splitMessages } from '../../../src/webrtc/ice/turn-link.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const turnServer = (name: string) => ({
  urls: [
    `turns:${name}:443?transport=udp`,
    `turns:${name}:443?transport=tcp`,
    `turn:${name}:443?transport=udp`,
  ],
  username: name,
  credential: 'secret',
});
const info = (address: string, internal = false) => ({
  address,
  internal,
  netmask: '',
  mac: '',
  cidr: null,
  ...(address.includes(':') ? { family: 'IPv6' as const, scopeid: 0 } : { family: 'IPv4' as const }),
});
const addresses = (...args: Parameters<typeof selectAddresses>) =>
  selectAddresses(...args).map(({ address }) => address);
const header = (answers: number) => Buffer.from([0, 0, 0x84, 0, 0, 0, 0, answers, 0, 0, 0, 0]);
const channelData = (length: number) => {
  const body = Buffer.alloc(4 + ((length + 3) & ~3), length);
  body.writeUInt16BE(0x4001, 0);
  body.writeUInt16BE(length, 2);
  body.fill(0, 4 + length);
  return body;
};
const stunMessage = (length: number) => {
  const message = Buffer.alloc(20 + length, 7);
  message.writeUInt16BE(0x0101, 0);
  message.writeUInt16BE(length, 2);
  return message;
};

test('changes of the network in quick succession open one socket an address', async () => {
  const clock = new SimulatedClock();
  const own = ['127.0.0.1'];
  const interfaces = () => ({ eth0: own.map((address) => info(address)) });
  const opened: string[] = [];
  const changes = 3;
  let changed = 0;
  const settled = Promise.withResolvers<void>();
  const gathering = new Gathering(
    {
      transportPolicy: 'all',
      network: new LocalNetwork({ interfaces: [], addressFamily: 'any' }, clock, interfaces),
      proxyFor: () => undefined,
      names: new HostNames(clock),
      clock,
      log: SILENT,
    },
    {
      onBase: ({ localAddress }) => opened.push(localAddress),
      onBaseLost: () => {},
      onCandidate: () => {},
      onDatagram: () => {},
      onNetworkChange: () => (changed += 1) === changes && settled.resolve(),
    },
  );
  const first = gathering.gatherHost();
  for (let i = 2; i < 2 + changes; i += 1) {
    own.push(`127.0.0.${i}`);
    clock.advance(1_000);
  }
  await Promise.all([first, settled.promise]);
  gathering.close();
  assert.deepEqual(opened.toSorted(), own);
});

describe('servers', () => {
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
    for (const uri of [
      '',
      'http://x',
      'turn:',
      'turn:host:99999',
      'turn:host:0',
      'turn:host?transport=sctp',
      'stun:a b',
    ]) {
      assert.equal(parseServerUri(uri), undefined, uri);
    }
  });

  test("relays of KVS's list: server by server, UDP before TLS, none over DTLS", () => {
    const servers = [{ urls: ['stun:stun.example:443'] }, turnServer('one'), turnServer('two')];
    assert.deepEqual(
      inOrder(servers).map(({ scheme, host, transport, username }) => [scheme, host, transport, username]),
      [
        ['turn', 'one', 'udp', 'one'],
        ['turns', 'one', 'tcp', 'one'],
        ['turn', 'two', 'udp', 'two'],
        ['turns', 'two', 'tcp', 'two'],
      ],
    );
  });
});

describe('local addresses', () => {
  const all = { interfaces: [], addressFamily: 'any' } as const;
  const machine = {
    lo: [info('127.0.0.1', true), info('::1', true)],
    docker0: [info('172.17.0.1')],
    wlan0: [info('192.168.1.7'), info('fe80::1'), info('2001:db8::7')],
    eth0: [info('10.0.0.7'), info('169.254.3.4')],
  };

  test('real interfaces first; no link-local and loopback addresses', () => {
    assert.deepEqual(addresses(machine, all), ['10.0.0.7', '192.168.1.7', '2001:db8::7', '172.17.0.1']);
  });

  test('filtered by interface and by family', () => {
    assert.deepEqual(addresses(machine, { ...all, interfaces: ['wlan0'] }), ['192.168.1.7', '2001:db8::7']);
    assert.deepEqual(addresses(machine, { ...all, addressFamily: 'ipv6' }), ['2001:db8::7']);
    assert.deepEqual(addresses(machine, { interfaces: ['eth0'], addressFamily: 'ipv6' }), []);
  });

  test('loopback where there is nothing else', () => {
    assert.deepEqual(addresses({ lo: machine.lo }, all), ['127.0.0.1', '::1']);
  });
});

describe('mDNS answers', () => {
  const name = Buffer.concat([
    Buffer.from([4]),
    Buffer.from('Abcd'),
    Buffer.from([5]),
    Buffer.from('local'),
    Buffer.from([0]),
  ]);
  const record = (type: number, data: Buffer, owner = name) =>
    Buffer.concat([owner, Buffer.from([0, type, 0x80, 1, 0, 0, 0, 120, 0, data.length]), data]);

  test('IPv4 and IPv6 addresses, names compressed or not, case ignored', () => {
    const response = Buffer.concat([
      header(2),
      record(1, Buffer.from([192, 0, 2, 9])),
      record(28, Buffer.from('20010db8000000000000000000000009', 'hex'), Buffer.from([0xc0, 12])),
    ]);
    assert.deepEqual(readAnswers(response), [
      { name: 'abcd.local', address: '192.0.2.9' },
      { name: 'abcd.local', address: '2001:db8::9' },
    ]);
  });

  test('a name that points to itself, cut-off records and noise end quietly', () => {
    assert.deepEqual(readAnswers(Buffer.concat([header(1), Buffer.from([0xc0, 12])])), []);
    const whole = Buffer.concat([header(1), record(1, Buffer.from([192, 0, 2, 9]))]);
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.uint8Array({ maxLength: 100 }),
        fc.nat(255),
        (at, noise, value) => {
          readAnswers(whole.subarray(0, at));
          readAnswers(Buffer.concat([header(9), Buffer.from(noise)]));
          const mutated = Buffer.from(whole);
          mutated[at % whole.length] = value;
          readAnswers(mutated);
        },
      ),
      { numRuns: 2_000 },
    );
  });
});

test('messages of a stream come out whole, however it is cut', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.boolean(), fc.nat(40)), { maxLength: 20 }),
      fc.integer({ min: 1, max: 30 }),
      (messages, cut) => {
        const sent = messages.map(([isStun, length]) =>
          isStun ? stunMessage(length & ~3) : channelData(length),
        );
        const stream = Buffer.concat(sent);
        const received: Buffer[] = [];
        let rest: Buffer = Buffer.alloc(0);
        for (let at = 0; at < stream.length; at += cut)
          rest = splitMessages(Buffer.concat([rest, stream.subarray(at, at + cut)]), (message) =>
            received.push(Buffer.from(message)),
          );
        assert.equal(rest.length, 0);
        assert.deepEqual(
          received,
          messages.map(([isStun, length], i) => (isStun ? sent[i] : sent[i]?.subarray(0, 4 + length))),
        );
      },
    ),
  );
});
