import { LastGoodFile } from '../../../../src/iot/last-good.ts';
import { createLog } from '../../../../src/log.ts';
import { documentOf } from './stored-document.ts';

/** Stores one document after the other, saying each version on stdout once it is safe, until it is killed. */
const file = new LastGoodFile(process.argv[2] ?? '', 'kvs-webrtc', createLog('error'));
const from = Number(process.argv[3]);
for (let version = from; ; version += 1) {
  await file.store(documentOf(version));
  process.stdout.write(`${version}\n`);
}
