/** What the cloud is asked for: AWS's API names; ConnectAs… are the WebSocket handshakes. */
export type Operation =
  | 'AssumeRoleWithCertificate'
  | 'CreateSignalingChannel'
  | 'DescribeSignalingChannel'
  | 'DeleteSignalingChannel'
  | 'GetSignalingChannelEndpoint'
  | 'DescribeMediaStorageConfiguration'
  | 'UpdateMediaStorageConfiguration'
  | 'CreateStream'
  | 'DescribeStream'
  | 'UpdateDataRetention'
  | 'GetIceServerConfig'
  | 'JoinStorageSession'
  | 'ConnectAsMaster'
  | 'ConnectAsViewer'
  | 'GetThingShadow'
  | 'UpdateThingShadow'
  | 'DeleteThingShadow'
  | 'Unknown';

export type Fault = {
  /** How many requests it meets before it is gone; default: until cleared. */
  times?: number;
  /** Requests that pass before it begins. */
  after?: number;
} & (
  | { kind: 'error'; status: number; errorType: string; message?: string; retryAfterSeconds?: number }
  /** Answers rightly, but late. */
  | { kind: 'delay'; delayMs: number }
  /** Takes the request and never answers. */
  | { kind: 'hang' }
  /** Resets the TCP connection. */
  | { kind: 'drop' }
  /** Status 200 with a body that is no JSON. */
  | { kind: 'garbage' }
);

/** Throttled as AWS throttles. */
export function throttling(times: number, retryAfterSeconds?: number): Fault {
  return {
    kind: 'error',
    status: 429,
    errorType: 'ThrottlingException',
    message: 'Rate exceeded',
    times,
    ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
  };
}

/** Lifetimes and quotas, AWS's by default; a change counts from the next request or connection on. */
export interface Limits {
  /** Temporary credentials. */
  credentialsMs: number;
  /** A WebSocket lives at most this long. */
  sessionMs: number;
  /** GO_AWAY is sent this long before a session's end; 0: the session ends without one. */
  goAwayBeforeEndMs: number;
  /** After a GO_AWAY the connection is closed this much later. */
  goAwayGraceMs: number;
  /** A WebSocket that sends nothing, not even pings, is closed. */
  idleMs: number;
  iceTtlSeconds: number;
  maxViewers: number;
  /** Of a message's base64 text. */
  maxPayloadBytes: number;
  /** Per WebSocket and second. */
  sdpPerSecond: number;
  candidatesPerSecond: number;
  /** Refuse messages above those rates; otherwise they are only recorded. */
  enforceRates: boolean;
  /** The cloud's clock is this far ahead of the machine's, which to a client looks as if its own were slow. */
  clockOffsetMs: number;
}

export function awsLimits(): Limits {
  return {
    credentialsMs: 3_600_000,
    sessionMs: 3_600_000,
    goAwayBeforeEndMs: 0,
    goAwayGraceMs: 60_000,
    idleMs: 600_000,
    iceTtlSeconds: 300,
    maxViewers: 10,
    maxPayloadBytes: 10_000,
    sdpPerSecond: 5,
    candidatesPerSecond: 20,
    enforceRates: false,
    clockOffsetMs: 0,
  };
}

/** The faults in force, per operation, in the order they were added. */
export class Faults {
  readonly #pending = new Map<Operation, { fault: Fault; toPass: number; left: number }[]>();

  add(operation: Operation, fault: Fault): void {
    const queue = this.#pending.get(operation) ?? [];
    queue.push({ fault, toPass: fault.after ?? 0, left: fault.times ?? Infinity });
    this.#pending.set(operation, queue);
  }

  /** Without an operation: all of them. */
  clear(operation?: Operation): void {
    if (operation) this.#pending.delete(operation);
    else this.#pending.clear();
  }

  /** The fault that the next request of an operation meets. */
  take(operation: Operation): Fault | undefined {
    const queue = this.#pending.get(operation);
    const first = queue?.[0];
    if (!queue || !first) return undefined;
    if (first.toPass > 0) {
      first.toPass -= 1;
      return undefined;
    }
    first.left -= 1;
    if (first.left <= 0) queue.shift();
    return first.fault;
  }
}
