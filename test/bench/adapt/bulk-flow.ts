/**
 * A bulk flow over TCP, as a download beside the picture: sends as much as the link carries.
 *   node bulk-flow.ts ADDRESS PORT
 */
import { connect } from 'node:net';

const CHUNK = Buffer.alloc(65_536);
const [address = '', port = ''] = process.argv.slice(2);
const socket = connect(Number(port), address);
const fill = () => {
  while (socket.write(CHUNK));
};
socket.on('connect', fill);
socket.on('drain', fill);
socket.on('error', () => process.exit());
process.on('disconnect', () => process.exit());
