import { topicMatches } from './broker.ts';
import { valueAt } from './config-store.ts';
import { IpcError } from './ipc-session.ts';

/**
 * Throws where no policy in the component's own `accessControl` allows `operation` on `resource`.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/interprocess-communication.html#ipc-authorization-policies
 */
export function authorize(
  component: string,
  configuration: unknown,
  { service, operation, resource }: { service: string; operation: string; resource: string },
  matches: (pattern: string, resource: string) => boolean = resourceMatches,
): void {
  const policies = valueAt(configuration, ['accessControl', service]);
  const isAllowed = Object.values(typeof policies === 'object' && policies !== null ? policies : {}).some(
    (policy: unknown) =>
      texts(policy, 'operations').some((name) => name === '*' || name === `aws.greengrass#${operation}`) &&
      texts(policy, 'resources').some((pattern) => matches(pattern, resource)),
  );
  if (isAllowed) return;
  const text = `Principal ${component} is not authorized to perform ${service}:aws.greengrass#${operation} on resource ${resource}`;
  throw new IpcError('UnauthorizedError', text);
}

function texts(policy: unknown, key: string): string[] {
  const value = valueAt(policy, [key]);
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
}

/** `*` stands for any characters; `+` and `#` are MQTT's. */
function resourceMatches(pattern: string, resource: string): boolean {
  return topicMatches(pattern, resource) || globMatches(pattern, resource);
}

/** `*` stands for any characters. */
export function globMatches(pattern: string, resource: string): boolean {
  const escaped = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('.*')}$`).test(resource);
}
