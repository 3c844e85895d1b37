#!/bin/sh
# An ffmpeg that complains without end.
case " $* " in
*' pipe:3'*) yes 'camera rtsp://admin:hunter2@192.0.2.1/ is not happy' >&2 & ;;
esac
exec ffmpeg "$@"
