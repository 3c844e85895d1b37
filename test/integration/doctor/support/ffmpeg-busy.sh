#!/bin/sh
# ffmpeg on a machine whose camera another program has open: the real ffmpeg for everything but capturing from it.
case " $* " in
*' -list_formats '*)
  echo '[video4linux2,v4l2 @ 0x1] Raw       :     yuyv422 :           YUYV 4:2:2 : 320x180 640x480' >&2
  exit 1
  ;;
*' -f v4l2 '*)
  echo '[video4linux2,v4l2 @ 0x1] ioctl(VIDIOC_STREAMON): Device or resource busy' >&2
  exit 1
  ;;
esac
exec ffmpeg "$@"
