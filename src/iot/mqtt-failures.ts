import type { mqtt5 } from 'aws-iot-device-sdk-v2';
import { errorText } from '../errors.ts';
import { RefusedError } from './mqtt-connection.ts';

/** Reason codes (MQTT 5 section 2.4) that have a cure worth naming. */
const NOT_AUTHORIZED = 0x87;
const SESSION_TAKEN_OVER = 0x8e;

export function connectFailure(
  { error, connack }: mqtt5.ConnectionFailureEvent,
  { endpoint, thingName }: { endpoint: string; thingName: string },
): Error {
  const where = `no MQTT connection to ${endpoint}`;
  if (!connack) return new Error(where, { cause: errorOf(error) });
  const code: number = connack.reasonCode;
  const cure =
    code === NOT_AUTHORIZED ? `: the IoT policy must allow iot:Connect as client/${thingName}-kvs` : '';
  return new Error(`${where}, the broker refuses with reason code ${code}${cure}`);
}

export function lossOf({ error, disconnect }: mqtt5.DisconnectionEvent): Error {
  const code: number | undefined = disconnect?.reasonCode;
  if (code === SESSION_TAKEN_OVER) {
    return new Error('MQTT connection lost: another client has connected with the same client id');
  }
  return new Error('MQTT connection lost', { cause: errorOf(error) });
}

export function refusal(
  what: string,
  { reasonCode, reasonString }: { reasonCode: number; reasonString?: unknown },
): Error {
  const reason = reasonString === undefined ? '' : `, ${errorText(reasonString)}`;
  const hint = reasonCode === NOT_AUTHORIZED ? ': the IoT policy does not allow it' : '';
  return new RefusedError(`${what} was refused with reason code ${reasonCode}${reason}${hint}`);
}

/** The library rejects with bare strings. */
export function rethrow(error: unknown): never {
  throw errorOf(error);
}

export function errorOf(error: unknown): Error {
  return error instanceof Error ? error : new Error(errorText(error));
}
