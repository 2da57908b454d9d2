#!/usr/bin/env bash
# Installs the readers that prove the exported files, for the tests that need them; without them those tests are skipped.
# Arguments: nothing, or "blender" (Debian's), or "bpy" (PyPI, about 1 GB, into $BPY_VENV, default /tmp/bpy).
set -u
cd "$(dirname "$0")/.."
root=$([ "$(id -u)" = 0 ] && echo yes || echo no)

apt_install() { # PROGRAM PACKAGE...
  local program=$1; shift
  command -v "$program" >/dev/null && return 0
  if [ "$root" = yes ] && command -v apt-get >/dev/null; then
    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive timeout 600 apt-get install -y -qq --no-install-recommends "$@" >/dev/null
  else
    echo "install_readers: please install $*" >&2; return 1
  fi
}

case "${1:-}" in
  blender) apt_install blender blender python3-numpy; exit $? ;;
  bpy)
    venv=${BPY_VENV:-/tmp/bpy}
    python3.11 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check bpy numpy; exit $? ;;
esac

failed=0
apt_install chromium chromium || failed=1
if command -v npm >/dev/null; then
  timeout 120 npm ci --prefix tests/readers --no-audit --no-fund --silent || failed=1
else
  echo "install_readers: npm is missing" >&2; failed=1
fi
exit $failed
