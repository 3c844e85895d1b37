import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import * as fc from 'fast-check';
import { masterUrl } from '../../../src/signaling/presigned-url.ts';
import { EMPTY_PAYLOAD_HASH, presignQuery, sign, signingKey } from '../../../src/signaling/sigv4.ts';

const DOCUMENTATION_SECRET = 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY';
const SUITE_CREDENTIALS = {
  accessKeyId: 'AKIDEXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
};
const SUITE_SCOPE = { region: 'us-east-1', service: 'service', date: new Date('2015-08-30T12:36:00Z') };

function signatureOf(query: string): string {
  return new URLSearchParams(query).get('X-Amz-Signature') ?? '';
}

test('the signing key of the IAM User Guide’s example', () => {
  // "Examples of how to derive a signing key for Signature Version 4", AWS General Reference.
  const key = signingKey(SUITE_CREDENTIALS.secretAccessKey, { ...SUITE_SCOPE, service: 'iam' });
  assert.equal(key.toString('hex'), 'c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9');
});

test('header signatures: the ListUsers example of the General Reference and get-vanilla of the test suite', () => {
  const listUsers = sign(
    {
      method: 'GET',
      path: '/',
      query: [
        ['Action', 'ListUsers'],
        ['Version', '2010-05-08'],
      ],
      headers: {
        'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
        host: 'iam.amazonaws.com',
        'x-amz-date': '20150830T123600Z',
      },
      payloadHash: EMPTY_PAYLOAD_HASH,
    },
    SUITE_CREDENTIALS,
    { ...SUITE_SCOPE, service: 'iam' },
  );
  assert.equal(listUsers, '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7');
  const vanilla = sign(
    {
      method: 'GET',
      path: '/',
      query: [],
      headers: { host: 'example.amazonaws.com', 'x-amz-date': '20150830T123600Z' },
      payloadHash: EMPTY_PAYLOAD_HASH,
    },
    SUITE_CREDENTIALS,
    SUITE_SCOPE,
  );
  assert.equal(vanilla, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31');
});

test('the presigned URL of the S3 API Reference', () => {
  // "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)".
  const query = presignQuery(
    {
      method: 'GET',
      path: '/test.txt',
      query: [],
      headers: { host: 'examplebucket.s3.amazonaws.com' },
      payloadHash: 'UNSIGNED-PAYLOAD',
    },
    { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: DOCUMENTATION_SECRET },
    { region: 'us-east-1', service: 's3', date: new Date('2013-05-24T00:00:00Z') },
    86_400,
  );
  assert.equal(signatureOf(query), 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404');
});

// awslabs/aws-c-auth, tests/aws-signing-test-suite/v4/<name>/query-signed-request.txt.
const UNRESERVED = '-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const SUITE: {
  name: string;
  path?: string;
  query?: [string, string][];
  headers?: Record<string, string>;
  signature: string;
}[] = [
  {
    name: 'get-vanilla-query',
    signature: 'e93c787ed7f371d5c6b165c1b38ede9550f4dce4144713e844b25b7192d3865d',
  },
  {
    name: 'get-vanilla-query-order-key-case',
    query: [
      ['Param2', 'value2'],
      ['Param1', 'value1'],
    ],
    signature: '86012e2c9ad4d77369f5d81c11f75158aae4f895a085212cc6d3f923d300bed5',
  },
  {
    name: 'get-vanilla-query-order-encoded',
    query: [
      ['Param-3', 'Value3'],
      ['Param', 'Value2'],
      ['ሴ', 'Value1'],
    ],
    signature: 'c5f1848ceec943ac2ca68ee720460c23aaae30a2300586597ada94c4a65e4787',
  },
  {
    name: 'get-vanilla-empty-query-key',
    query: [['Param1', 'value1']],
    signature: '49096700cbbaa5753443850f40df10f904fc2fdb544dc9512203cc77c471a9de',
  },
  {
    name: 'get-vanilla-query-unreserved',
    query: [[UNRESERVED, UNRESERVED]],
    signature: '8e76a88a7433637b12778d5592799b29ad21ecd6cf6325051c21d86f0acda2bf',
  },
  {
    name: 'get-vanilla-utf8-query',
    query: [['ሴ', 'bar']],
    signature: '0bdd809b1519ac4f0c1dc3540e2cc46bd0c7f778eda408b2ebf3b913d21ff600',
  },
  {
    name: 'get-unreserved',
    path: `/${UNRESERVED}`,
    signature: '95968482db1b9e0fadef6efc1bd24689f77c77d9ef56919c96a28cc92e0d6005',
  },
  {
    name: 'get-utf8',
    path: '/ሴ',
    signature: '10eae3f14a260bd3911cc6d008d3c576d143b05b62f09782a7a4b37f52178e44',
  },
  {
    name: 'get-header-value-trim',
    headers: { 'my-header1': ' value1', 'my-header2': ' "a   b   c"' },
    signature: 'e7bb0fd515e125e1aec2ecc4c0c17484fb06f6846b927c35e46005dd3df3acd4',
  },
];

for (const { name, path = '/', query = [], headers = {}, signature } of SUITE) {
  test(`AWS signing test suite, query signing: ${name}`, () => {
    const signed = presignQuery(
      {
        method: 'GET',
        path,
        query,
        headers: { host: 'example.amazonaws.com', ...headers },
        payloadHash: EMPTY_PAYLOAD_HASH,
      },
      SUITE_CREDENTIALS,
      SUITE_SCOPE,
      3_600,
    );
    assert.equal(signatureOf(signed), signature);
  });
}

// awslabs/amazon-kinesis-video-streams-webrtc-sdk-android, AwsV4SignerTest.
const KVS_ARN = 'arn:aws:kinesisvideo:us-west-2:123456789012:channel/demo-channel/1234567890123';
const KVS_TOKEN =
  'AQoEXAMPLEH4aoAH0gNCAPyJxz4BlCFFxWNE1OPTgk5TthT+FvwqnKwRcOIfrRh3c/LTo6UDdyJwOOvEVPvLXCrrrUtdnniCEXAMPLE/IvU1dYUg2RVAJBanLiHb4IgRmpRV3zrkuWJOgQs8IZZaIv2BXIa2R4OlgkBN9bkUDNCJiBeb/AXlzBBko7b15fjrBs2+cTQtpZ3CYWFXG8C5zqx37wnOE49mRl/+OtkIKGO7fAE';

test('the master URLs of AWS’s Android SDK, with temporary and with long-term credentials', () => {
  const parameters = {
    endpoint: 'wss://m-a1b2c3d4.kinesisvideo.us-west-2.amazonaws.com',
    channelArn: KVS_ARN,
    region: 'us-west-2',
    date: new Date(1_690_186_022_951),
  };
  const temporary = masterUrl({
    ...parameters,
    credentials: {
      accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
      secretAccessKey: DOCUMENTATION_SECRET,
      sessionToken: KVS_TOKEN,
    },
  });
  assert.equal(
    temporary,
    'wss://m-a1b2c3d4.kinesisvideo.us-west-2.amazonaws.com/?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
      `&X-Amz-ChannelARN=${encodeURIComponent(KVS_ARN)}` +
      '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20230724%2Fus-west-2%2Fkinesisvideo%2Faws4_request' +
      '&X-Amz-Date=20230724T080702Z&X-Amz-Expires=299' +
      `&X-Amz-Security-Token=${encodeURIComponent(KVS_TOKEN)}&X-Amz-SignedHeaders=host` +
      '&X-Amz-Signature=f8fed632bbe38ac920c7ed2eeaba1a4ba5e2b1bd7aada9f852708112eab76baa',
  );
  const longTerm = masterUrl({
    ...parameters,
    credentials: {
      accessKeyId: 'AKIAIOSFODJJ7EXAMPLE',
      secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxQQiCYEXAMPLEKEY',
    },
  });
  assert.equal(
    new URL(longTerm).searchParams.get('X-Amz-Signature'),
    '0bbef329f0d9d3e68635f7b844ac684c7764a0c228ca013232d935c111b9a370',
  );
  assert.ok(!longTerm.includes('Security-Token'));
});

class Sha256 {
  readonly #secret: string | Uint8Array | undefined;
  #chunks: Uint8Array[] = [];
  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#secret = secret === undefined || typeof secret === 'string' ? secret : bytesOf(secret);
  }
  update(chunk: string | ArrayBuffer | ArrayBufferView): void {
    this.#chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : bytesOf(chunk));
  }
  digest(): Promise<Uint8Array> {
    const hash = this.#secret === undefined ? createHash('sha256') : createHmac('sha256', this.#secret);
    for (const chunk of this.#chunks) hash.update(chunk);
    return Promise.resolve(hash.digest());
  }
  reset(): void {
    this.#chunks = [];
  }
}

function bytesOf(data: ArrayBuffer | ArrayBufferView): Uint8Array {
  return ArrayBuffer.isView(data)
    ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength)
    : new Uint8Array(data);
}

test('the AWS SDK’s own signer gives the same signature for any master URL', async () => {
  const text = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 60 });
  const key = fc.stringMatching(/^[A-Za-z0-9/+]{1,64}$/);
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        accessKeyId: fc.stringMatching(/^[A-Z0-9]{16,20}$/),
        secretAccessKey: key,
        sessionToken: fc.option(key, { nil: undefined }),
      }),
      text,
      fc.constantFrom('us-west-2', 'eu-central-1', 'cn-north-1'),
      fc.date({
        min: new Date('1970-01-01T00:00:00Z'),
        max: new Date('2100-01-01T00:00:00Z'),
        noInvalidDate: true,
      }),
      fc.constantFrom('', ':8443'),
      fc.constantFrom('', '/path/with-~/segments'),
      async (credentials, channelArn, region, date, port, path) => {
        const endpoint = `wss://m-1234.kinesisvideo.${region}.amazonaws.com${port}${path}`;
        const url = new URL(masterUrl({ endpoint, channelArn, region, credentials, date }));
        const signer = new SignatureV4({
          credentials: {
            accessKeyId: credentials.accessKeyId,
            secretAccessKey: credentials.secretAccessKey,
            ...(credentials.sessionToken === undefined ? {} : { sessionToken: credentials.sessionToken }),
          },
          region,
          service: 'kinesisvideo',
          sha256: Sha256,
          applyChecksum: false,
        });
        const presigned = await signer.presign(
          {
            method: 'GET',
            protocol: 'wss:',
            hostname: url.hostname,
            path: path || '/',
            query: { 'X-Amz-ChannelARN': channelArn },
            headers: { host: url.host },
          },
          { signingDate: date, expiresIn: 299 },
        );
        const expected = new Map(Object.entries(presigned.query ?? {}));
        assert.deepEqual(new Map(url.searchParams), expected);
      },
    ),
    { numRuns: 500 },
  );
});
