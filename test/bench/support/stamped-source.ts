/**
 * A camera for the source type `command`: prints NUT whose time stamps are the wall clock at the moment of each write.
 *   node stamped-source.ts ANNEX_B FPS
 */
import { everyFrame } from './frame-clock.ts';
import { readAccessUnits } from './media-file.ts';
import { nutFrame, nutHeaders } from './nut-writer.ts';

const [annexBPath = '', fpsText = '30'] = process.argv.slice(2);
const fps = Number(fpsText);
const units = readAccessUnits(annexBPath);
const gop = 2 * fps;

process.stdout.on('error', () => process.exit());
process.stdout.write(nutHeaders(1280, 720));
everyFrame(fps, (number) => {
  const at = number % units.length;
  const unit = units[at];
  if (unit) process.stdout.write(nutFrame(unit, performance.timeOrigin + performance.now(), at % gop === 0));
});
