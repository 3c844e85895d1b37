import type { IceParameters } from '../sdp.ts';
import type { Candidate } from './candidate.ts';
import {
  errorValue,
  STUN_ATTRIBUTE,
  STUN_TYPE,
  uint32,
  writeStun,
  xorAddress,
  type Endpoint,
  type StunMessage,
} from './stun.ts';

/** RFC 8445 section 5.1.2.2: the type preference of a peer-reflexive candidate. */
const PEER_REFLEXIVE_PREFERENCE = 110;

export interface Role {
  controlling: boolean;
  /** 8 random bytes (RFC 8445 section 16.1). */
  tieBreaker: Buffer;
}

/** A connectivity check (RFC 8445 section 7.2.2). */
export function checkRequest(
  transactionId: Buffer,
  local: IceParameters,
  remote: IceParameters,
  from: Candidate,
  role: Role,
  nominate: boolean,
): Buffer {
  const priority = PEER_REFLEXIVE_PREFERENCE * 2 ** 24 + (from.priority % 2 ** 24);
  return writeStun(
    STUN_TYPE.bindingRequest,
    transactionId,
    [
      [STUN_ATTRIBUTE.username, Buffer.from(`${remote.usernameFragment}:${local.usernameFragment}`)],
      [STUN_ATTRIBUTE.priority, uint32(priority)],
      [role.controlling ? STUN_ATTRIBUTE.iceControlling : STUN_ATTRIBUTE.iceControlled, role.tieBreaker],
      ...(nominate ? [[STUN_ATTRIBUTE.useCandidate, Buffer.alloc(0)] as const] : []),
    ],
    remote.password,
  );
}

export function successResponse(request: StunMessage, from: Endpoint, password: string): Buffer {
  const { transactionId } = request;
  const address = xorAddress(from, transactionId);
  return writeStun(
    STUN_TYPE.bindingSuccess,
    transactionId,
    [[STUN_ATTRIBUTE.xorMappedAddress, address]],
    password,
  );
}

/** RFC 8445 section 7.3.1.1: both sides took the same role, and the other one has to change its. */
export function roleConflictResponse({ transactionId }: StunMessage, password: string): Buffer {
  const error = errorValue(487, 'Role Conflict');
  return writeStun(STUN_TYPE.bindingError, transactionId, [[STUN_ATTRIBUTE.errorCode, error]], password);
}

/** The part of the USERNAME before the colon: in what comes in, our own user name fragment. */
export function addresseeOf({ attributes }: StunMessage): string {
  const username = attributes.get(STUN_ATTRIBUTE.username)?.toString('utf8') ?? '';
  return username.slice(0, Math.max(0, username.indexOf(':')));
}
