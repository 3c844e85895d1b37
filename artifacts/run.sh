#!/bin/sh
# The startup step of the component: becomes the agent, so that the nucleus's signals reach it and its exit code the
# nucleus. Runs as the component's user, in its work folder.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)

# The nucleus lite passes our word "running" on to systemd by way of cgexec, which small systems lack, and tells nobody
# when that fails: systemd would end us after two minutes, three times, for good. So there, started counts as running.
if [ -n "${NOTIFY_SOCKET:-}" ]; then
  systemd-notify --ready || true
fi

# Only in the artifact without Node.
if [ -f "$here/aws-crt-nodejs-musl.node" ]; then
  case $(ldd --version 2>&1) in
    *musl*) export AWS_CRT_NODEJS_BINARY_ABSOLUTE_PATH="$here/aws-crt-nodejs-musl.node" ;;
  esac
fi

if [ -f "$here/node" ]; then
  node=$here/node
else
  node=node
fi

export KVS_STATE_DIRECTORY="${KVS_STATE_DIRECTORY:-$PWD/state}"

# For a small process rather than a fast one: one heap for all threads; freed memory given back, blocks of the size that
# V8's compilers take one by one (their holes after the start are twenty megabytes); and young objects in one megabyte,
# where Node takes up to sixteen: with four, sending got no cheaper that could be measured, and two
# cameras took twelve megabytes more.
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-1}" MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-65536}" \
  MALLOC_MMAP_THRESHOLD_="${MALLOC_MMAP_THRESHOLD_:-32768}"
exec "$node" --max-semi-space-size=1 "$here/kvs-webrtc-agent.mjs" run "$@"
