import { clockTime } from './element.js';

/**
 * One event as a person reads it; undefined: not worth a line.
 * @param {import('./store.js').ConsoleEvent} event
 * @returns {{ time: string, text: string, tone: 'plain' | 'good' | 'warn' | 'bad' | 'mishap', source: string } | undefined}
 */
export function describe(event) {
  const line = TEXTS[event.kind](event);
  return line && { time: clockTime(event.at), tone: 'plain', source: event.kind, ...line };
}

const LOG_TONES = { warn: 'warn', error: 'bad', fatal: 'bad' };

const TEXTS = {
  device: ({ text }) => ({ text, tone: 'bad' }),
  mishap: ({ text }) => ({ text, tone: 'mishap' }),
  log: ({ level, msg, details }) => ({
    text: `${msg}${detailText(details)}`,
    tone: LOG_TONES[level] ?? 'plain',
  }),
  cloud: ({ event }) => cloudText(event),
  sessions: ({ payload }) => sessionText(payload),
  alarms: ({ payload: { alarm, state, camera, reason } }) => ({
    text: `alarm ${alarm} ${state}${camera ? ` · ${camera}` : ''}: ${reason}`,
    tone: state === 'raised' ? 'bad' : 'good',
  }),
  metrics: () => undefined,
  shadow: ({ name, shadow }) => ({
    text: name.endsWith('-status') ? 'status reported' : `version ${shadow.version}`,
  }),
};

function detailText(details) {
  const parts = Object.entries(details).map(([key, value]) => `${key} ${valueText(value)}`);
  return parts.length > 0 ? ` · ${parts.join(' · ')}` : '';
}

function valueText(value) {
  if (typeof value !== 'object' || value === null) return String(value);
  const entries = Object.entries(value).map(([key, inner]) =>
    Array.isArray(value) ? inner : `${key} ${valueText(inner)}`,
  );
  return entries.join(', ');
}

function cloudText(event) {
  switch (event.type) {
    case 'request': {
      const failed = event.status === 0 || event.status >= 400;
      const answer = event.status === 0 ? 'no answer' : `${event.status} ${event.errorType}`.trim();
      return { text: `${event.operation} → ${answer}`, tone: failed ? 'warn' : 'plain' };
    }
    case 'connected':
      return { text: `${who(event)} connected to ${event.channelName}`, tone: 'good' };
    case 'disconnected':
      return { text: `${who(event)} left ${event.channelName} (${event.code})` };
    default:
      return undefined;
  }
}

function who({ role, clientId }) {
  return role === 'MASTER' ? 'master' : `viewer ${clientId}`;
}

function sessionText(payload) {
  if (payload.event === 'viewer-joined')
    return { text: `viewer ${payload.clientId} joined ${payload.camera}`, tone: 'good' };
  if (payload.event !== 'viewer-left') return { text: JSON.stringify(payload) };
  return {
    text: `viewer ${payload.clientId} left ${payload.camera} after ${payload.seconds} s: ${payload.end}`,
  };
}
