import type { RenditionConfig } from '../config/config.ts';

/**
 * The picture of the `test` source as a filter graph: a moving picture with frame number and clock, and a tone, both paced
 * in real time and stamped with the wall clock.
 *
 * For people: ffmpeg's moving test card, with the frame number and the UTC time burnt in where this ffmpeg can
 * draw text. A white square flashes bottom-right during the first tenth of every second, together with a
 * 1 kHz beep over a quiet 440 Hz tone.
 *
 * For programs: a strip of 64 cells at the top left, each a square of width/80: 8 cells `10101010`, 24 bits
 * frame number, 32 bits low part of the capture time in epoch milliseconds; most significant bit first,
 * white = 1, black = 0.
 */
export function testVideoGraph(largest: RenditionConfig, canDrawText: boolean): string {
  const { width, height, fps } = largest;
  const flash = `drawbox=x=iw-iw/8:y=ih-iw/8:w=iw/8:h=iw/8:color=white:t=fill:enable='lt(mod(n,${fps}),${fps}/10)'`;
  const card = [
    `testsrc2=size=${width}x${height}:rate=${fps}`,
    // Left to itself the graph may carry transparency, in which the strip is lost.
    'format=yuv420p',
    'settb=AVTB',
    `setpts='N*1000000/${fps}+RTCSTART'`,
    'realtime',
    flash,
    ...(canDrawText ? [testCaption(height)] : []),
  ];
  const word = 'if(lt(X,8),170/pow(2,7-X),if(lt(X,32),N/pow(2,31-X),round(T*1000)/pow(2,63-X)))';
  const cell = Math.max(2, Math.floor(width / 80));
  const strip = [
    'crop=64:2:0:0',
    `geq=lum='16+219*mod(floor(${word}),2)':cb=128:cr=128`,
    `scale=${cell * 64}:${cell}:flags=neighbor`,
  ];
  return `${card.join(',')},split[card][seed];[seed]${strip.join(',')}[strip];[card][strip]overlay=0:0:format=yuv420`;
}

function testCaption(height: number): string {
  const size = Math.max(12, Math.round(height / 14));
  const text = String.raw`%{n}  %{pts\:gmtime\:0\:%H\\\:%M\\\:%S}`;
  return `drawtext=text='${text}':fontsize=${size}:x=(w-tw)/2:y=h/5:fontcolor=white:box=1:boxcolor=black@0.6:boxborderw=12`;
}

const TEST_AUDIO_GRAPH = [
  "aevalsrc=exprs='0.05*sin(2*PI*440*t)+0.4*lt(mod(t,1),0.1)*sin(2*PI*1000*t)':sample_rate=48000:nb_samples=480",
  "asetpts='N/SR/TB+RTCSTART/1000000/TB'",
  'arealtime',
].join(',');

/**
 * ffmpeg's input options for it. An input, not sources inside of the encoding graph: such a graph waits for ever for a rendition that
 * nobody wants.
 */
export function testInputArgs(largest: RenditionConfig, hasSound: boolean, canDrawText: boolean): string[] {
  const sound = hasSound ? `;${TEST_AUDIO_GRAPH}[out1]` : '';
  const graph = `${testVideoGraph(largest, canDrawText)}[out0]${sound}`;
  const quick = ['-probesize', '32', '-analyzeduration', '0', '-fpsprobesize', '0'];
  return [...quick, '-f', 'lavfi', '-i', graph];
}
