import assert from 'node:assert/strict';

/**
 * The embedded metric format's schema, as published.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html#CloudWatch_Embedded_Metric_Format_Specification_schema
 */
export const EMF_SCHEMA: Schema = {
  type: 'object',
  required: ['_aws'],
  properties: {
    _aws: {
      type: 'object',
      required: ['Timestamp', 'CloudWatchMetrics'],
      properties: {
        Timestamp: { type: 'integer' },
        CloudWatchMetrics: {
          type: 'array',
          items: {
            type: 'object',
            required: ['Namespace', 'Dimensions', 'Metrics'],
            properties: {
              Namespace: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^(.*)$' },
              Dimensions: {
                type: 'array',
                minItems: 1,
                items: {
                  type: 'array',
                  minItems: 1,
                  maxItems: 30,
                  items: { type: 'string', minLength: 1, maxLength: 250, pattern: '^(.*)$' },
                },
              },
              Metrics: {
                type: 'array',
                // The text of the specification; the schema itself gives no number.
                maxItems: 100,
                items: {
                  type: 'object',
                  required: ['Name'],
                  properties: {
                    Name: { type: 'string', minLength: 1, maxLength: 1024, pattern: '^(.*)$' },
                    Unit: {
                      type: 'string',
                      pattern:
                        '^(Seconds|Microseconds|Milliseconds|Bytes|Kilobytes|Megabytes|Gigabytes|Terabytes|Bits|Kilobits|Megabits|Gigabits|Terabits|Percent|Count|Bytes\\/Second|Kilobytes\\/Second|Megabytes\\/Second|Gigabytes\\/Second|Terabytes\\/Second|Bits\\/Second|Kilobits\\/Second|Megabits\\/Second|Gigabits\\/Second|Terabits\\/Second|Count\\/Second|None)$',
                    },
                    StorageResolution: { type: 'integer' },
                  },
                },
              },
            },
          },
        },
      },
    },
  },
};

interface Schema {
  type: 'object' | 'array' | 'string' | 'integer';
  required?: string[];
  properties?: Record<string, Schema>;
  items?: Schema;
  minItems?: number;
  maxItems?: number;
  minLength?: number;
  maxLength?: number;
  pattern?: string;
}

export interface EmfDocument extends Record<string, unknown> {
  _aws: {
    Timestamp: number;
    CloudWatchMetrics: {
      Namespace: string;
      Dimensions: string[][];
      Metrics: { Name: string; Unit: string }[];
    }[];
  };
}

/** Parses one published document and checks it against the schema and the specification's words about target members. */
export function checkedEmf(text: string): EmfDocument {
  const document: unknown = JSON.parse(text);
  validate(document, EMF_SCHEMA, '$');
  assert.ok(isEmf(document));
  const { _aws: directives } = document;
  for (const { Dimensions, Metrics } of directives.CloudWatchMetrics) {
    for (const name of Dimensions.flat()) {
      const value = document[name];
      assert.ok(typeof value === 'string' && value.length > 0 && value.length <= 1024, `dimension ${name}`);
    }
    for (const { Name } of Metrics) {
      const value = document[Name];
      const values: unknown[] = Array.isArray(value) ? value : [value];
      assert.ok(values.length >= 1 && values.length <= 100, `${values.length} values of ${Name}`);
      for (const each of values) assert.equal(typeof each, 'number', Name);
    }
    assert.equal(new Set(Metrics.map(({ Name }) => Name)).size, Metrics.length, 'each metric once');
  }
  return document;
}

/** Names of a document's metrics. */
export function metricsOf({ _aws: { CloudWatchMetrics } }: EmfDocument): string[] {
  return CloudWatchMetrics.flatMap(({ Metrics }) => Metrics.map(({ Name }) => Name));
}

/** Of its first directive. */
export function dimensionsOf({ _aws: { CloudWatchMetrics } }: EmfDocument): string[][] {
  return CloudWatchMetrics[0]?.Dimensions ?? [];
}

function isEmf(value: unknown): value is EmfDocument {
  return typeof value === 'object' && value !== null && '_aws' in value;
}

function validate(value: unknown, schema: Schema, path: string): void {
  if (schema.type === 'integer') assert.ok(Number.isInteger(value), `${path} is an integer`);
  else if (schema.type === 'string') validateText(value, schema, path);
  else if (schema.type === 'array') validateList(value, schema, path);
  else validateObject(value, schema, path);
}

function validateText(
  value: unknown,
  { minLength = 0, maxLength = Infinity, pattern = '' }: Schema,
  path: string,
) {
  assert.ok(typeof value === 'string', `${path} is text`);
  assert.ok(value.length >= minLength && value.length <= maxLength, `${path}: length of "${value}"`);
  assert.match(value, new RegExp(pattern), path);
}

function validateList(value: unknown, { minItems = 0, maxItems = Infinity, items }: Schema, path: string) {
  assert.ok(Array.isArray(value), `${path} is a list`);
  assert.ok(value.length >= minItems && value.length <= maxItems, `${path}: ${value.length} items`);
  if (items) for (const [index, each] of value.entries()) validate(each, items, `${path}[${index}]`);
}

function validateObject(value: unknown, { required = [], properties = {} }: Schema, path: string) {
  assert.ok(typeof value === 'object' && value !== null && !Array.isArray(value), `${path} is an object`);
  const members = new Map<string, unknown>(Object.entries(value));
  for (const name of required) assert.ok(members.has(name), `${path}.${name} is there`);
  for (const [name, schema] of Object.entries(properties))
    if (members.has(name)) validate(members.get(name), schema, `${path}.${name}`);
}
