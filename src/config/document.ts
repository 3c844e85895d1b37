import { actionShape, agentShape, secretShape } from './agent-schema.ts';
import { cameraShape, renditionShape, sourceShapes } from './camera-schema.ts';
import { isKey, type AnyShape, type Key, type Scope } from './shape.ts';

/** One configuration key, described. */
export interface SchemaRow {
  /** `<name>` stands for a name of the user's. */
  key: string;
  type: string;
  /** As JSON; `required` or empty where there is none. */
  default: string;
  scope: Scope;
  doc: string;
}

/** Every configuration key, in the order of a document. */
export function describeSchema(): SchemaRow[] {
  const camera = 'cameras.<name>';
  const rows = keyRows(cameraShape, [camera]);
  const atVideo = rows.findLastIndex(({ key }) => key.startsWith(`${camera}.video.`)) + 1;
  rows.splice(atVideo, 0, ...keyRows(renditionShape, [`${camera}.video.renditions.<name>`]));
  return [
    ...keyRows(agentShape, []),
    ...keyRows(secretShape, ['secrets.<name>']),
    ...keyRows(actionShape, ['actions.<name>']),
    localRow(
      'sources.<name>',
      'source',
      'A source with a name, as `cameras.<name>.source`; cameras take it by `ref`.',
    ),
    ...rows,
    ...sourceRows(`${camera}.source`),
  ];
}

function sourceRows(source: string): SchemaRow[] {
  const types = Object.keys(sourceShapes).map((name) => `\`${name}\``);
  const typeDoc =
    'What kind of source. The shadow may name `test`, `v4l2` and `rtsp` only, the others by `ref`.';
  const refDoc = 'Instead of `type`: the name of an entry of `sources`.';
  const required: Omit<SchemaRow, 'key' | 'type' | 'doc'> = { default: 'required', scope: 'shadow' };
  return [
    { key: `${source}.type`, type: types.join(' '), doc: typeDoc, ...required },
    { key: `${source}.ref`, type: 'name', doc: refDoc, default: '', scope: 'shadow' },
    ...Object.entries(sourceShapes).flatMap(([type, shape]) =>
      keyRows(shape, [source]).map((row) => ({ ...row, doc: `\`${type}\`: ${row.doc}` })),
    ),
  ];
}

function keyRows(shape: AnyShape, path: readonly string[]): SchemaRow[] {
  return Object.entries(shape).flatMap(([name, node]) => {
    const at = [...path, name];
    return isKey(node) ? [keyRow(node, at.join('.'))] : keyRows(node, at);
  });
}

function keyRow({ doc, format, default: value, optional, scope, env }: Key, key: string): SchemaRow {
  const variables = env ? ` Environment: ${env.map((variable) => `\`${variable}\``).join(', ')}.` : '';
  const shown = value === null ? (optional ? '' : 'required') : JSON.stringify(value);
  return { key, type: format.type, default: shown, scope, doc: doc + variables };
}

function localRow(key: string, type: string, doc: string): SchemaRow {
  return { key, type, default: '', scope: 'local', doc };
}
