#!/bin/sh
# The install step of the component: says whether the agent can run on this device, and what to do where it cannot.
# Ends with 1 where it cannot (a deployment fails with these lines in the component's log), with 0 where it can, be it
# with less; asked to (installPackages: true), it installs ffmpeg. Root is needed for that, and for looking at the device
# through the eyes of the user that will run the agent; run by another user it looks through that user's.
#
#   INSTALL_PACKAGES  true: install what is missing with apt
#   INSTALL_FFMPEG    the configuration's ffmpeg.path
#   INSTALL_ROOT      the nucleus's root folder
#   INSTALL_WORK      the component's work folder
set -u
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
packages=${INSTALL_PACKAGES:-false}
ffmpeg=${INSTALL_FFMPEG:-ffmpeg}
root=${INSTALL_ROOT:-/greengrass/v2}
work=${INSTALL_WORK:-.}
node_major=24
faults=0

say() { printf 'kvs-webrtc-agent install: %s\n' "$*"; }
fault() {
  say "FAULT: $*"
  faults=$((faults + 1))
}

# What classic or lite keeps its settings in; empty where it cannot be read. Lite reads one file after the other, and the
# last one counts: it comes first here.
nucleus_settings() {
  if [ -r "$root/config/effectiveConfig.yaml" ]; then
    cat "$root/config/effectiveConfig.yaml"
    return
  fi
  text=''
  for file in /etc/greengrass/config.yaml /etc/greengrass/config.d/*; do
    [ -f "$file" ] && [ -r "$file" ] || continue
    text="$(cat "$file")
$text"
  done
  printf '%s' "$text"
}

# setting NAME: its first value in them.
setting() {
  printf '%s\n' "$settings" |
    sed -n "s/^ *[\"']\{0,1\}$1[\"']\{0,1\}: *[\"']\{0,1\}\([^\"'#]*[^\"'# ]\).*/\1/p" | head -n 1
}

# The user that will run the agent: both nuclei give it the work folder, classic perhaps only later.
component_user() {
  if [ "$(id -u)" -ne 0 ]; then
    id -un
    return
  fi
  owner=$(stat -c %U "$work" 2>/dev/null || echo root)
  if [ "$owner" = root ] || [ "$owner" = UNKNOWN ]; then
    configured=$(setting posixUser)
    owner=${configured%%:*}
  fi
  id "${owner:-root}" >/dev/null 2>&1 || owner=root
  printf '%s' "${owner:-root}"
}

# as_user COMMAND …: as that user, with that user's groups.
as_user() {
  if [ "$(id -un)" = "$user" ]; then
    "$@"
  elif command -v setpriv >/dev/null 2>&1; then
    setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --init-groups -- "$@"
  else
    # shellcheck disable=SC2016 # for the inner shell
    su -s /bin/sh "$user" -c 'exec "$@"' -- sh "$@"
  fi
}

check_machine() {
  machine=$(uname -m)
  wanted=$(cat "$here/machine")
  case $machine in
    "$wanted") ;;
    armv*) fault "this device runs a 32-bit ARM system ($machine): neither Node $node_major nor the AWS client library is made for it. Cure: a 64-bit system (Raspberry Pi OS 64-bit from the Pi 3 on)." ;;
    *) fault "this artifact is for $wanted, this device is $machine. Cure: deploy the component's recipe as it is published; it chooses the artifact by the architecture." ;;
  esac
  if [ "$machine" = "$wanted" ] && [ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 32 ]; then
    fault "the kernel is 64-bit ($machine), but the system's programs are 32-bit. Cure: a 64-bit system."
  fi
}

check_node() {
  if [ -f "$here/node" ]; then
    check_own_node
  else
    check_device_node
  fi
}

check_own_node() {
  if answer=$(as_user "$here/node" --version 2>&1); then
    node_version=$answer
    return
  fi
  case $(ldd --version 2>&1) in
    *musl*)
      fault "the Node in this artifact needs glibc and this system has musl. Cure: apk add nodejs (version $node_major or newer) and deploy the artifact without Node (npm run package -- --without-node)."
      return
      ;;
  esac
  fault "the Node in this artifact does not start as user $user: $answer. It needs glibc 2.28 or newer and libstdc++, a folder that is not mounted noexec, and in the recipe Permission Execute: ALL."
}

check_device_node() {
  if ! answer=$(as_user node --version 2>&1); then
    fault "this artifact has no Node in it, and user $user finds none on the PATH ($PATH). Cure: install Node $node_major or newer (https://nodejs.org/en/download), or deploy the artifact that brings Node."
    return
  fi
  major=${answer#v}
  major=${major%%.*}
  if [ "$major" -lt "$node_major" ] 2>/dev/null; then
    fault "$(command -v node) is $answer, the agent needs Node $node_major or newer. Cure: install it (https://nodejs.org/en/download), or deploy the artifact that brings Node."
  fi
  node_version=$answer
}

check_ffmpeg() {
  if has_ffmpeg; then return; fi
  if [ "$packages" = true ] && install_ffmpeg && has_ffmpeg; then return; fi
  case $ffmpeg in
    */*) fault "there is no ffmpeg at $ffmpeg that user $user may run. Cure: correct ffmpeg.path in the component's configuration." ;;
    *) fault "user $user finds no ffmpeg on the PATH ($PATH). Cure: apt-get install ffmpeg, or installPackages: true in the component's configuration; where there is no such package (Amazon Linux, Yocto), put an ffmpeg on the device and name it in ffmpeg.path." ;;
  esac
}

has_ffmpeg() {
  answer=$(as_user "$ffmpeg" -hide_banner -version 2>/dev/null) || return 1
  ffmpeg_version=$(printf '%s' "$answer" | sed -n '1s/^ffmpeg version \([^ ]*\).*/\1/p')
}

install_ffmpeg() {
  if ! command -v apt-get >/dev/null 2>&1; then
    say 'installPackages is true, but this system has no apt-get.'
    return 1
  fi
  if [ "$(id -u)" -ne 0 ]; then
    say 'installPackages is true, but the nucleus does not run as root: nothing can be installed.'
    return 1
  fi
  say 'installing ffmpeg with apt …'
  apt-get update -qq || say 'apt-get update failed; trying with the package lists that are there.'
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ffmpeg || {
    say 'apt-get install ffmpeg failed: its message is above.'
    return 1
  }
}

check_groups() {
  [ "$user" != root ] || return 0
  has=" $(id -nG "$user") "
  for group in video audio; do
    getent group "$group" >/dev/null 2>&1 || continue
    case $has in
      *" $group "*) ;;
      *) say "note: user $user is not in the group $group: $(lost_without "$group"). Cure: usermod -aG $group $user, then restart Greengrass." ;;
    esac
  done
}

lost_without() {
  case $1 in
    video) echo 'cameras and encoders below /dev cannot be opened (network cameras work)' ;;
    audio) echo 'microphones of this device cannot be opened' ;;
  esac
}

check_key() {
  if [ -z "$settings" ]; then
    say "note: the nucleus's settings cannot be read: access to the device's key is not checked."
    return
  fi
  key=$(setting privateKeyPath)
  certificate=$(setting certificateFilePath)
  case $key in
    /*) ;;
    file:*) key=/${key#file:*/} ;;
    *)
      say "note: the device's key is not in a file: the agent takes its credentials from the token exchange service."
      return
      ;;
  esac
  for file in "$key" "$certificate"; do
    # shellcheck disable=SC2016 # for the inner shell
    as_user sh -c 'test -r "$1"' sh "$file" && continue
    say "note: user $user cannot read $file: the agent takes its credentials from the token exchange service. To use the certificate instead: setfacl -m u:$user:r '$key' '$certificate' (and u:$user:x on the folders above them), and name both files in the component's configuration, device.privateKeyPath and device.certificatePath."
    return
  done
}

settings=$(nucleus_settings)
user=$(component_user)
check_machine
# The rest would only repeat it.
[ "$faults" -eq 0 ] || exit 1
check_node
check_ffmpeg
check_groups
check_key
if [ "$faults" -gt 0 ]; then
  say "the agent cannot run on this device: $faults fault(s), named above."
  exit 1
fi
say "this device can run the agent: user $user, Node $node_version, ffmpeg $ffmpeg_version."
