import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseV4l2Format, parseV4l2Formats } from '../../../src/camera/v4l2-formats.ts';

// As ffmpeg prints them: a USB camera with H.264, a plain one, and a sensor without fixed sizes.
const WITH_H264 = `
[video4linux2,v4l2 @ 0x55d1] Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 1280x720 1920x1080
[video4linux2,v4l2 @ 0x55d1] Compressed:       mjpeg :          Motion-JPEG : 640x480 1280x720 1920x1080
[video4linux2,v4l2 @ 0x55d1] Compressed:        h264 :                H.264 : 640x480 1280x720 1920x1080
/dev/video0: Immediate exit requested`;
const PLAIN = `
[video4linux2,v4l2 @ 0x55d1] Compressed:       mjpeg :          Motion-JPEG : 1280x720 640x480 320x240
[video4linux2,v4l2 @ 0x55d1] Raw       :     yuyv422 :           YUYV 4:2:2 : 640x480 352x288 320x240`;
const SENSOR = `
[video4linux2,v4l2 @ 0x55d1] Raw       :     yuv420p :     Planar YUV 4:2:0 : {32-2592, 2}x{32-1944, 2}`;

const HD = { width: 1280, height: 720, fps: 30, bitrateKbps: 2500 };
const SMALL = { width: 320, height: 240, fps: 15, bitrateKbps: 300 };

function choice(listing: string, wanted: typeof HD, mayPassThrough: boolean): string | undefined {
  const format = chooseV4l2Format(parseV4l2Formats(listing), wanted, mayPassThrough);
  return format && `${format.name} ${format.width}x${format.height}`;
}

test('the best that the device offers', () => {
  const table: [string, typeof HD, boolean, string | undefined][] = [
    [WITH_H264, HD, true, 'h264 1280x720'],
    [WITH_H264, HD, false, 'mjpeg 1280x720'],
    [PLAIN, HD, true, 'mjpeg 1280x720'],
    [PLAIN, SMALL, true, 'yuyv422 320x240'],
    [PLAIN, { ...HD, width: 1920, height: 1080 }, true, 'mjpeg 1280x720'],
    [SENSOR, HD, true, 'yuv420p 1280x720'],
    ['/dev/video7: No such file or directory', HD, true, undefined],
  ];
  for (const [listing, wanted, mayPassThrough, expected] of table) {
    assert.equal(choice(listing, wanted, mayPassThrough), expected);
  }
});
