import { isObject, type JsonObject } from '../config/layers.ts';
import type { IpcConnection } from './ipc-connection.ts';
import { IpcError } from './ipc-error.ts';

/**
 * The whole configuration of a component, our own where none is named; undefined where there is none.
 * https://docs.aws.amazon.com/greengrass/v2/developerguide/ipc-component-configuration.html
 */
export async function getConfiguration(
  connection: IpcConnection,
  componentName?: string,
): Promise<JsonObject | undefined> {
  const request = { keyPath: [], ...(componentName === undefined ? {} : { componentName }) };
  try {
    const { value } = await connection.call('GetConfiguration', request);
    return isObject(value) ? value : {};
  } catch (error) {
    if (error instanceof IpcError && error.code === 'ResourceNotFoundError') return undefined;
    throw error;
  }
}
