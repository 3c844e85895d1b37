import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { examine, found, passed } from '../../../src/doctor/finding.ts';
import { jsonText, tableText } from '../../../src/doctor/report.ts';
import { SimulatedClock } from '../../support/simulated-clock.ts';

const findings = [
  found('disk', 'pass', '100 MB free'),
  found('certificate', 'warn', 'expires in 5 days', 'rotate it soon'),
  found('camera front', 'fail', 'line one\n  line two', 'check the cable'),
  found('ipc', 'skip', 'no nucleus'),
];

describe('report', () => {
  test('a table has a line a finding, cures below, and the sum at the end', () => {
    assert.equal(
      tableText(findings),
      [
        'ok    disk          100 MB free',
        'WARN  certificate   expires in 5 days',
        '                    → rotate it soon',
        'FAIL  camera front  line one; line two',
        '                    → check the cable',
        '-     ipc           no nucleus',
        '',
        'Failed: 1 faults, 1 warnings.',
        '',
      ].join('\n'),
    );
  });

  test('JSON says the same', () => {
    assert.deepEqual(JSON.parse(jsonText(findings)), { passed: false, findings });
  });

  test('warnings pass', () => {
    assert.equal(passed(findings.slice(0, 2)), true);
    assert.match(tableText(findings.slice(0, 2)), /Passed: nothing stands in the way, 1 warnings/);
  });
});

describe('examination', () => {
  test('keeps the order, and a check that throws or hangs is a failure', async () => {
    const clock = new SimulatedClock();
    const examined = examine(
      [
        { name: 'hangs', run: () => new Promise(() => {}) },
        { name: 'throws', run: () => Promise.reject(new Error('broken')), cure: 'mend it' },
        { name: 'works', run: () => Promise.resolve([found('works', 'pass', 'well')]) },
      ],
      clock,
    );
    clock.advance(30_000);
    assert.deepEqual(await examined, [
      found('hangs', 'fail', 'no result within 30000 ms'),
      found('throws', 'fail', 'broken', 'mend it'),
      found('works', 'pass', 'well'),
    ]);
  });
});
