#!/bin/sh
# An ffmpeg that captures nothing but noise: right about itself, wrong on its pipes, until the file named by
# BROKEN_UNTIL is gone.
case " $* " in
*' pipe:3 '*) [ -e "$BROKEN_UNTIL" ] && exec head -c 1000000 /dev/urandom >&3 ;;
esac
exec ffmpeg "$@"
