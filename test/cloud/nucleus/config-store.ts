export type Configuration = Record<string, unknown>;
type Listener = (keyPath: string[]) => void;

/** The configuration of every component, as deployments merge it. */
export class ConfigStore {
  readonly #components = new Map<string, Configuration>();
  readonly #listeners = new Set<{ component: string; keyPath: string[]; listener: Listener }>();

  /** The whole configuration of a component, a copy; undefined where there is no such component. */
  of(component: string): Configuration | undefined {
    return structuredClone(this.#components.get(component));
  }

  set(component: string, configuration: Configuration): void {
    this.#change(component, structuredClone(configuration));
  }

  /** What `merge` would make of the component's configuration: maps are merged, all else is replaced. */
  proposed(component: string, merge: Configuration): Configuration {
    return merged(this.#components.get(component) ?? {}, merge);
  }

  merge(component: string, merge: Configuration): void {
    this.#change(component, this.proposed(component, merge));
  }

  /** Removes the keys that JSON pointers name, as a deployment's `reset` without defaults does. */
  remove(component: string, pointers: readonly string[]): void {
    const next = this.of(component) ?? {};
    for (const pointer of pointers) {
      const keys = pointer.split('/').slice(1);
      const last = keys.pop();
      const parent = valueAt(next, keys);
      if (last !== undefined && isMap(parent)) delete parent[last];
    }
    this.#change(component, next);
  }

  /** Tells of each changed leaf at or below `keyPath`. Returns how to stop. */
  subscribe(component: string, keyPath: string[], listener: Listener): () => void {
    const entry = { component, keyPath, listener };
    this.#listeners.add(entry);
    return () => this.#listeners.delete(entry);
  }

  #change(component: string, next: Configuration): void {
    const before = this.#components.get(component) ?? {};
    this.#components.set(component, next);
    for (const changed of changedLeaves(before, next)) {
      for (const { component: name, keyPath, listener } of this.#listeners) {
        if (name === component && keyPath.every((key, index) => changed[index] === key)) listener(changed);
      }
    }
  }
}

function isMap(value: unknown): value is Configuration {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function valueAt(values: unknown, keyPath: readonly string[]): unknown {
  let value = values;
  for (const key of keyPath) {
    if (!isMap(value)) return undefined;
    value = value[key];
  }
  return value;
}

function merged(base: Configuration, merge: Configuration): Configuration {
  const result: Configuration = structuredClone(base);
  for (const [key, value] of Object.entries(merge)) {
    const below = result[key];
    result[key] = isMap(value) && isMap(below) ? merged(below, value) : structuredClone(value);
  }
  return result;
}

function changedLeaves(before: unknown, after: unknown, path: string[] = []): string[][] {
  if (isMap(before) && isMap(after)) {
    const keys = new Set([...Object.keys(before), ...Object.keys(after)]);
    return [...keys].flatMap((key) => changedLeaves(before[key], after[key], [...path, key]));
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [path];
}

/** A YAML recipe's scalars as lite hands them out. */
export function scalarsAsText(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(scalarsAsText);
  if (isMap(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, scalarsAsText(inner)]));
  }
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : value;
}
