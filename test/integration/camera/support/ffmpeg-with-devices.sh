#!/bin/sh
# ffmpeg on a machine with a camera and a microphone: the real ffmpeg, with the device inputs replaced. The camera
# shows ffmpeg's test picture or the graph CAMERA_GRAPH, to one at a time where CAMERA_LOCK names a file; the microphone
# is the pipe that MICROPHONE_PIPE names (16 bit, 48 kHz, mono), or the graph in the file that MICROPHONE_GRAPH names:
# where there is no such file, it is not plugged in.
case " $* " in
*' -list_formats '*)
  echo '[video4linux2,v4l2 @ 0x1] Raw       :     yuyv422 :           YUYV 4:2:2 : 320x180 640x480' >&2
  exit 1
  ;;
esac
state=copy
opens_camera=
for argument do
  shift
  case $state:$argument in
  copy:-f) state=format ;;
  format:v4l2 | format:alsa) state=skip-$argument ;;
  format:*)
    set -- "$@" -f "$argument"
    state=copy
    ;;
  skip-v4l2:-i | skip-alsa:-i) state=name-${state#skip-} ;;
  skip-*) ;;
  name-v4l2:*)
    opens_camera=yes
    set -- "$@" -f lavfi -i "${CAMERA_GRAPH:-testsrc2=size=320x180:rate=15,settb=AVTB,setpts=N*1000000/15+RTCSTART,realtime}"
    state=copy
    ;;
  name-alsa:*)
    if [ -z "$MICROPHONE_GRAPH" ]; then
      set -- "$@" -f s16le -ar 48000 -ac 1 -use_wallclock_as_timestamps 1 -probesize 32 -i "$MICROPHONE_PIPE"
    elif [ -e "$MICROPHONE_GRAPH" ]; then
      set -- "$@" -f lavfi -i "$(cat "$MICROPHONE_GRAPH")"
    else
      echo "cannot open audio device $argument (No such device)" >&2
      exit 1
    fi
    state=copy
    ;;
  *) set -- "$@" "$argument" ;;
  esac
done
if [ "$opens_camera" ] && [ "$CAMERA_LOCK" ]; then
  exec flock --no-fork -n "$CAMERA_LOCK" ffmpeg "$@"
fi
exec ffmpeg "$@"
