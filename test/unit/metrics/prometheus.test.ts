import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Distribution } from '../../../src/metrics/distribution.ts';
import { prometheusText, servePrometheus } from '../../../src/metrics/prometheus.ts';
import { counter, gauge, type MetricGroup } from '../../../src/metrics/sample.ts';
import { systemRandom } from '../../../src/runtime/random.ts';

const dtls = new Distribution('dtlsHandshake', 'Milliseconds', systemRandom);
dtls.add(40);
dtls.add(60);
const groups: MetricGroup[] = [
  {
    properties: { camera: 'front', channelName: 'a"b\\c' },
    samples: [counter('sentBytes', 5, 'Bytes'), ...gauge('viewers', 2)],
    distributions: [dtls],
  },
  { properties: { camera: 'back', channelName: 'd' }, samples: [...gauge('viewers', 0)], distributions: [] },
];

describe('Prometheus', () => {
  test('text: base units, a type a family, its samples together', () => {
    assert.equal(
      prometheusText(groups),
      [
        '# TYPE kvs_webrtc_sent_bytes_total counter',
        'kvs_webrtc_sent_bytes_total{camera="front",channel_name="a\\"b\\\\c"} 5',
        '# TYPE kvs_webrtc_viewers gauge',
        'kvs_webrtc_viewers{camera="front",channel_name="a\\"b\\\\c"} 2',
        'kvs_webrtc_viewers{camera="back",channel_name="d"} 0',
        '# TYPE kvs_webrtc_dtls_handshake_seconds summary',
        'kvs_webrtc_dtls_handshake_seconds_sum{camera="front",channel_name="a\\"b\\\\c"} 0.1',
        'kvs_webrtc_dtls_handshake_seconds_count{camera="front",channel_name="a\\"b\\\\c"} 2',
        '',
      ].join('\n'),
    );
  });

  test('is served on loopback until the end; another path is not found; a port that is taken is named', async () => {
    const stop = new AbortController();
    const listening = Promise.withResolvers<number>();
    const collect = () => Promise.resolve(groups);
    const serving = servePrometheus({ port: 0, collect, onListening: listening.resolve }, stop.signal);
    const port = await listening.promise;
    const answer = await fetch(`http://127.0.0.1:${port}/metrics`);
    assert.equal(answer.headers.get('content-type'), 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(await answer.text(), prometheusText(groups));
    assert.equal((await fetch(`http://127.0.0.1:${port}/`)).status, 404);
    await assert.rejects(servePrometheus({ port, collect }, stop.signal), /metrics\.prometheusPort/);
    stop.abort();
    await serving;
    await assert.rejects(fetch(`http://127.0.0.1:${port}/metrics`));
  });
});
