import type { CameraConfig } from './config.ts';
import { choice, flag, list, orEmpty, orNone, path, text } from './formats.ts';
import type { Shape } from './shape.ts';

/** What viewers say. */
export const talkShape: Shape<CameraConfig['talk']> = {
  enabled: {
    doc: 'Play what viewers say that are permitted to `talk`.',
    format: flag,
    default: false,
    scope: 'local',
  },
  mode: {
    doc: '`one`: whoever speaks first is heard until silent for a second; `mixed`: all are.',
    format: choice('one', 'mixed'),
    default: 'one',
    scope: 'local',
  },
  device: {
    doc: 'ALSA device of the loudspeaker.',
    format: text('ALSA name', 'an ALSA device, e.g. default or plughw:1,0', /^[a-zA-Z][\w:,.=-]{0,127}$/),
    default: 'default',
    scope: 'local',
  },
  file: {
    doc: 'WAV file of the last conversation, instead of the loudspeaker.',
    format: orEmpty(path),
    default: '',
    scope: 'local',
  },
  command: {
    doc: 'Program and arguments instead of the loudspeaker; no shell. It reads 16-bit little-endian samples, 48 kHz, one channel.',
    format: orNone(list(text('text', 'texts without control characters', /^.{0,4000}$/))),
    default: [],
    scope: 'local',
  },
};
