import { networkInterfaces as read, type NetworkInterfaceInfo } from 'node:os';

let last: NodeJS.Dict<NetworkInterfaceInfo[]> = {};

/** As `os.networkInterfaces`, which throws where the process has no file descriptor left: then they are believed to be as they were. */
export function networkInterfaces(): NodeJS.Dict<NetworkInterfaceInfo[]> {
  try {
    last = read();
  } catch {
    // Whatever took the descriptors says so itself.
  }
  return last;
}
