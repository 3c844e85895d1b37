import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { TLSSocket } from 'node:tls';
import { cloudNow, type CloudContext } from './context.ts';
import {
  failure,
  garbage,
  meetFault,
  sendAnswer,
  ServiceError,
  success,
  type Answer,
} from './service-error.ts';

/** Which certificates are registered for which thing, and which role aliases exist. */
export class ThingRegistry {
  readonly roleAliases = new Set<string>();
  readonly #things = new Map<string, string>();

  /** `fingerprint` as `getPeerCertificate().fingerprint256`. */
  register(fingerprint: string, thingName: string): void {
    this.#things.set(fingerprint, thingName);
  }

  /** The certificate is inactive from now on. */
  deactivate(fingerprint: string): void {
    this.#things.delete(fingerprint);
  }

  thingOf(fingerprint: string): string | undefined {
    return this.#things.get(fingerprint);
  }
}

/**
 * The IoT credentials provider: `GET /role-aliases/{alias}/credentials` with the device's certificate.
 * https://docs.aws.amazon.com/iot/latest/developerguide/authorizing-direct-aws.html
 */
export function credentialsProvider(context: CloudContext, registry: ThingRegistry): RequestListener {
  return (request, response) => {
    void serve(context, registry, request, response);
  };
}

async function serve(
  context: CloudContext,
  registry: ThingRegistry,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const header = request.headers['x-amzn-iot-thingname'];
  const thingName = typeof header === 'string' ? header : '';
  const log = (status: number, errorType = '') =>
    context.events.add({
      type: 'request',
      operation: 'AssumeRoleWithCertificate',
      status,
      errorType,
      resource: thingName,
    });
  const finish = (answer: Answer, errorType = '') => {
    log(answer.status, errorType);
    sendAnswer(response, answer);
  };
  try {
    const outcome = await meetFault(context.faults.take('AssumeRoleWithCertificate'), request.socket);
    if (outcome === 'ended') return log(0);
    if (outcome === 'garbage') return finish(garbage(context));
    authorize(registry, request, thingName);
    finish(success(issue(context), context));
  } catch (error) {
    const answer = failure(error, context);
    finish(answer, answer.errorType);
  }
}

function authorize(registry: ThingRegistry, request: IncomingMessage, thingName: string): void {
  const alias = /^\/role-aliases\/([\w=,@-]+)\/credentials$/.exec(request.url ?? '')?.[1];
  if (request.method !== 'GET' || !alias) {
    throw new ServiceError(404, 'ResourceNotFoundException', 'No such resource');
  }
  const { socket } = request;
  const trusted = socket instanceof TLSSocket && socket.authorized;
  const owner = trusted ? registry.thingOf(socket.getPeerCertificate().fingerprint256) : undefined;
  if (!owner) throw new ServiceError(403, 'AccessDeniedException', 'Access Denied');
  if (!thingName) throw new ServiceError(400, 'InvalidRequestException', 'Invalid thing name passed');
  if (thingName !== owner) throw new ServiceError(403, 'AccessDeniedException', 'Access Denied');
  if (!registry.roleAliases.has(alias)) {
    throw new ServiceError(404, 'ResourceNotFoundException', 'Role alias does not exist');
  }
}

function issue(context: CloudContext): object {
  const expiresAt = cloudNow(context) + context.limits.credentialsMs;
  const { accessKeyId, secretAccessKey, sessionToken } = context.credentials.addTemporary(expiresAt);
  // Whole seconds, as AWS writes it.
  const expiration = new Date(expiresAt).toISOString().replace(/\.\d+Z$/, 'Z');
  return { credentials: { accessKeyId, secretAccessKey, sessionToken, expiration } };
}
