import type { Credentials } from './credentials.ts';
import { jsonObject } from './http-get.ts';

/** The member names that a service uses for the parts of its credentials. */
export interface MemberNames {
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string;
  expiration: string;
}

/** Temporary credentials from an answer's members; throws, without repeating them, where one is missing or wrong. */
export function toCredentials(values: unknown, names: MemberNames): Credentials {
  const members: Record<string, unknown> = typeof values === 'object' && values !== null ? { ...values } : {};
  const read = (name: string): string => {
    const value = members[name];
    // Keys and tokens go into headers and URLs: anything but visible ASCII is not one.
    if (typeof value !== 'string' || !/^[\x21-\x7e]{1,16384}$/.test(value)) {
      throw new Error(`the answer has no usable "${name}"`);
    }
    return value;
  };
  const expiration = new Date(read(names.expiration));
  if (Number.isNaN(expiration.getTime())) throw new Error(`the answer's "${names.expiration}" is not a date`);
  return {
    accessKeyId: read(names.accessKeyId),
    secretAccessKey: read(names.secretAccessKey),
    sessionToken: read(names.sessionToken),
    expiration,
  };
}

/** The JSON object that a credentials service answered with. */
export function parsedAnswer(body: string, service: string): Record<string, unknown> {
  const answer = jsonObject(body);
  if (!answer)
    throw new Error(
      `${service} answered 200 with something else than a JSON object: is it the right endpoint?`,
    );
  return answer;
}
