import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import * as fc from 'fast-check';
import { escapeText } from '../../../src/camera/picture-filters.ts';

const ATTACKS = [
  "it's; [x],drawtext=textfile=/etc/passwd",
  "a':textfile=/etc/passwd:x='",
  "'':textfile=/etc/passwd",
  String.raw`\':textfile=/etc/passwd`,
  String.raw`\\\':textfile=/etc/passwd`,
  'x:textfile=/etc/passwd',
  'x:expansion=normal:text=%{eif:1:x}',
  'x,movie=/etc/passwd,drawtext=text=y',
  'x[out];movie=/etc/passwd[out]',
  'x:reload=1:fontfile=/etc/passwd',
  '%{localtime} %{metadata:x} %{pts}',
  '-y',
  '-filter_complex x',
  '$(touch x) `touch x` | touch x',
  String.raw`\n\r\t\x00\'`,
  '\u202e\u2028\ufeff',
];
const MARKS = String.raw`\':;,=[]{}%"|$#@~-/ aé`.split('');
const RANDOM = fc.sample(fc.string({ unit: fc.constantFrom(...MARKS), minLength: 1, maxLength: 30 }), 60);

test('whatever text is to be shown, ffmpeg takes it as that and as nothing else', async () => {
  // One that is nothing but spaces is shown by nothing.
  const texts = [...ATTACKS, ...RANDOM].filter((text) => trimmed(text) !== '');
  const graph = texts.map((text) => `drawtext=expansion=none:text=${escapeText(text)}`).join(',');
  const input = ['-f', 'lavfi', '-i', 'color=size=64x64', '-filter_complex', `[0:v:0]${graph}[out]`];
  const args = [
    '-hide_banner',
    '-loglevel',
    'debug',
    ...input,
    '-map',
    '[out]',
    '-frames:v',
    '1',
    '-f',
    'null',
    '-',
  ];
  const { stderr } = await promisify(execFile)('ffmpeg', args, { maxBuffer: 1 << 24 });
  const filters = new Map<string, [string, string][]>();
  // The graph is made more than once; the filters of each have numbers.
  for (const [, filter = '', address, key = '', value = ''] of stderr.matchAll(
    /^\[(Parsed_\w+) @ (\w+)\] Setting '(\w+)' to value '([^\n]*)'(?=\n)/gm,
  )) {
    const settings = filters.get(`${filter} ${address}`) ?? [];
    filters.set(`${filter} ${address}`, [...settings, [key, value]]);
  }
  const seen = [...filters].filter(([name]) => !name.startsWith('Parsed_color_'));
  assert.ok(seen.length >= texts.length);
  for (const [name, settings] of seen) {
    const [, kind, index] = /^Parsed_(\w+?)_(\d+) /.exec(name) ?? [];
    const shown = trimmed(texts[Number(index)] ?? '');
    assert.deepEqual(
      [kind, settings],
      [
        'drawtext',
        [
          ['expansion', 'none'],
          ['text', shown],
        ],
      ],
      shown,
    );
  }
});

/** ffmpeg leaves out spaces at both ends. */
function trimmed(text: string): string {
  return text.replace(/^ +| +$/g, '');
}
