/** By what ffmpeg, the kernel and cameras say. */
const CURES: readonly (readonly [RegExp, string])[] = [
  [
    /could not be started/i,
    'the program of source.command is not there, or may not be run by this user: check its path',
  ],
  [/busy/i, 'another program uses the camera: find it with "fuser -v /dev/video*" and stop it'],
  [
    /permission denied|not permitted/i,
    'add the user of the agent to the groups video and audio: usermod -aG video,audio <user>, then restart it',
  ],
  [/401|unauthorized|403|forbidden/i, 'the camera refuses the login: check credentialsRef and the secret'],
  [/404|not found/i, 'the camera has no such stream: check the path of the URL'],
  [/credentialsRef|secrets?\b/i, 'check the entry of "secrets" that credentialsRef names'],
  [/connection refused/i, 'nothing listens there: check address and port, and that RTSP is switched on'],
  [
    /no route|unreachable|timed? ?out|no frame within/i,
    'the camera does not answer: check power, cable and address ("doctor --scan" looks for cameras)',
  ],
  [
    /no encoder|none of the .* encoders/i,
    'install an ffmpeg with that encoder, or set video.encoder to "auto"',
  ],
  [/cannot run ffmpeg/i, 'install ffmpeg (Debian: apt install ffmpeg) or set ffmpeg.path'],
  [/no such (file|device)|ENOENT/i, 'it is not there: check the cable and the name ("ls -l /dev/v4l/by-id")'],
  [/invalid data|not pass/i, 'it sends something else than expected: check the URL, format and codec'],
];

/** What to do about a camera that gives no picture. */
export function cameraCure(reason: string): string {
  return (
    CURES.find(([pattern]) => pattern.test(reason))?.[1] ?? 'try the source with ffmpeg or ffplay by hand'
  );
}
