/** What a nucleus writes under `system` in its own configuration file. */
export interface SystemSettings {
  certificatePath?: string;
  privateKeyPath?: string;
  rootCaPath?: string;
  thingName?: string;
}

const NAMES: Readonly<Record<string, keyof SystemSettings>> = {
  certificateFilePath: 'certificatePath',
  privateKeyPath: 'privateKeyPath',
  rootCaPath: 'rootCaPath',
  thingName: 'thingName',
};

/**
 * The scalars under `system` of classic's effectiveConfig.yaml or lite's config.yaml. Not a YAML reader: both
 * nuclei write this block as one `key: value` a line, and what looks otherwise is left out rather than guessed at.
 */
export function parseSystemFile(yaml: string): SystemSettings {
  const lines = yaml.split(/\r?\n/);
  const start = lines.findIndex((line) => /^["']?system["']?:\s*(#.*)?$/.test(line));
  const settings: SystemSettings = {};
  if (start < 0) return settings;
  let indent: number | undefined;
  for (const line of lines.slice(start + 1)) {
    if (/^\s*(#.*)?$/.test(line)) continue;
    const spaces = line.length - line.trimStart().length;
    if (spaces === 0) break;
    // Deeper: something nested, not ours.
    if (spaces !== (indent ??= spaces)) continue;
    const [, key = '', value = ''] = /^\s*["']?([\w-]+)["']?:\s+(.*)$/.exec(line) ?? [];
    const name = Object.hasOwn(NAMES, key) ? NAMES[key] : undefined;
    const text = name === undefined ? undefined : scalar(value.trim());
    if (name === undefined || text === undefined || text === '') continue;
    // Classic takes paths as file: URIs too.
    settings[name] = text.replace(/^file:\/\//, '');
  }
  return settings;
}

/** A plain or quoted scalar on one line; undefined for everything else that YAML can do. */
function scalar(value: string): string | undefined {
  const quoted = /^'((?:[^']|'')*)'\s*(?:#.*)?$/.exec(value)?.[1];
  if (quoted !== undefined) return quoted.replaceAll("''", "'");
  const doubleQuoted = /^("(?:[^"\\]|\\.)*")\s*(?:#.*)?$/.exec(value)?.[1];
  if (doubleQuoted !== undefined) {
    try {
      const text: unknown = JSON.parse(doubleQuoted);
      return typeof text === 'string' ? text : undefined;
    } catch {
      return undefined;
    }
  }
  const plain = value.replace(/\s+#.*$/, '');
  return /^[[{&*!|>%@`"'#?-]/.test(plain) || plain === '~' || plain === 'null' ? undefined : plain;
}
