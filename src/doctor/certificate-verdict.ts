import { found, type Finding } from './finding.ts';

const WARN_DAYS = 30;

/** A certificate's time, by the device's clock. */
export function certificateFinding(
  { subject, notBefore, notAfter }: { subject: string; notBefore: Date; notAfter: Date },
  nowMs: number,
): Finding {
  const days = Math.floor((notAfter.getTime() - nowMs) / 86_400_000);
  const until = notAfter.toISOString().slice(0, 10);
  if (nowMs < notBefore.getTime())
    return found(
      'certificate',
      'fail',
      `${subject} is not valid before ${notBefore.toISOString()}`,
      "set the device's clock: timedatectl set-ntp true",
    );
  if (days < 0)
    return found(
      'certificate',
      'fail',
      `${subject} expired on ${until}`,
      "rotate the device certificate, or set the device's clock",
    );
  if (days < WARN_DAYS)
    return found('certificate', 'warn', `${subject} expires on ${until}, in ${days} days`, 'rotate it soon');
  return found('certificate', 'pass', `${subject}, key matches, valid until ${until}`);
}
