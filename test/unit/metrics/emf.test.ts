import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { emfDocuments, type EmfContext, type Metric } from '../../../src/metrics/emf.ts';
import { checkedEmf, metricsOf } from './support/emf-schema.ts';

const context: EmfContext = {
  namespace: 'KvsWebRtc',
  timestampMs: Date.UTC(2025, 0, 1),
  dimensions: { version: '1.2.3', fleetGroup: 'shops' },
  properties: { thingName: 'thing-1', camera: 'front', channelName: 'shop-front' },
};

describe('EMF documents', () => {
  test('hold the metrics with their units, dimensions and properties', () => {
    const [text = '', ...more] = emfDocuments(
      [
        { name: 'viewers', unit: 'Count', value: 3 },
        { name: 'dtlsHandshake', unit: 'Milliseconds', value: [12.3456, 40] },
      ],
      context,
    );
    assert.deepEqual(more, []);
    assert.deepEqual(checkedEmf(text), {
      _aws: {
        Timestamp: Date.UTC(2025, 0, 1),
        CloudWatchMetrics: [
          {
            Namespace: 'KvsWebRtc',
            Dimensions: [['version', 'fleetGroup']],
            Metrics: [
              { Name: 'viewers', Unit: 'Count' },
              { Name: 'dtlsHandshake', Unit: 'Milliseconds' },
            ],
          },
        ],
      },
      thingName: 'thing-1',
      camera: 'front',
      channelName: 'shop-front',
      version: '1.2.3',
      fleetGroup: 'shops',
      viewers: 3,
      dtlsHandshake: [12.35, 40],
    });
  });

  test('without metrics there is none', () => {
    assert.deepEqual(emfDocuments([], context), []);
    const nothing: Metric[] = [
      { name: 'a', unit: 'None', value: Number.NaN },
      { name: 'b', unit: 'None', value: [] },
      { name: 'c', unit: 'None', value: [Infinity] },
    ];
    assert.deepEqual(emfDocuments(nothing, context), []);
  });

  test('whatever is measured: valid, at most 4 KB each, every metric once with its value', () => {
    const value = fc.oneof(
      fc.double(),
      fc.array(fc.double({ min: 0, max: 1e6 }), { maxLength: 150, size: 'max' }),
    );
    const metrics = fc
      .uniqueArray(fc.tuple(fc.stringMatching(/^m[a-zA-Z]{1,30}$/), value), {
        selector: ([name]) => name,
        maxLength: 150,
        size: 'max',
      })
      .map((pairs) => pairs.map(([name, each]): Metric => ({ name, unit: 'Milliseconds', value: each })));
    fc.assert(
      fc.property(metrics, (all) => {
        const texts = emfDocuments(all, context);
        const seen = new Map<string, unknown>();
        for (const text of texts) {
          assert.ok(Buffer.byteLength(text) <= 4096, `${Buffer.byteLength(text)} bytes`);
          const document = checkedEmf(text);
          for (const name of metricsOf(document)) {
            assert.ok(!seen.has(name), `${name} twice`);
            seen.set(name, document[name]);
          }
        }
        for (const metric of all) {
          const finite = [metric.value].flat().filter((each) => Math.abs(each) < 2 ** 360);
          assert.equal(seen.has(metric.name), finite.length > 0);
        }
      }),
      { numRuns: 60, endOnFailure: true },
    );
  });
});
