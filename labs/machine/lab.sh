#!/bin/bash
# lab.sh gpio|usb|power|pi [FOLDER]
#
# One lab from nothing: makes the machine it needs in FOLDER (build/labs) where
# it is not there yet, puts the agent's code and its dependencies in, runs the
# checks of labs/NAME and exits with their status. Debian 12 or 13, root, 2 GB.
# The first run takes 2 to 5 minutes, every other one half a minute.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
name=${1:-}
[ -f "$root/labs/$name/job.sh" ] || { sed -n '2,8p' "$0"; exit 2; }
folder=${2:-$root/build/labs}
mkdir -p "$folder"; folder=$(realpath "$folder")
python=$root/.venv/bin/python
[ -x "$python" ] || { echo "lab: no $python; run make setup first" >&2; exit 2; }

deps() {  # deps FOLDER ARCHITECTURE PACKAGE...: wheels for Debian 12's Python 3.11
  [ ! -e "$1/.whole" ] || return 0
  local into=$1 arch=$2; shift 2
  rm -rf "$into"
  "$python" -m pip install --quiet --disable-pip-version-check --target "$into" --only-binary=:all: \
    --implementation cp --python-version 3.11 --platform "manylinux_2_34_$arch" --platform "manylinux_2_28_$arch" \
    --platform "manylinux_2_17_$arch" --platform "manylinux2014_$arch" "$@"
  touch "$into/.whole"
}

share=$(mktemp -d); trap 'rm -rf "$share"' EXIT
mkdir "$share/code"
cp -r "$root/edge_agent" "$root/drivers" "$share/code/"
cp "$root/labs/$name"/* "$share/"
case $name in
  gpio|usb|power)
    [ -e "$folder/vm/version" ] || { rm -rf "$folder/vm"; "$here/make-vm.sh" "$folder/vm" --gpio-sim; }
    if [ "$name" = power ]; then
      deps "$folder/deps-power" x86_64 numpy cbor2 cryptography
      cp -a "$folder/deps-power" "$share/deps"
    else
      deps "$folder/deps-x86_64" x86_64 numpy gpiozero lgpio pyserial smbus2
      cp -r "$folder/deps-x86_64" "$share/deps"
    fi
    rc=0
    if [ -f "$share/hand.py" ]; then
      "$python" "$share/hand.py" "$here/run-vm.sh" "$folder/vm" "$share" || rc=$?
    else
      "$here/run-vm.sh" "$folder/vm" --share "$share" --fast --limit 300 || rc=$?
    fi;;
  pi)
    [ -e "$folder/pi/qemu/init.gz" ] || { rm -rf "$folder/pi"; "$here/make-pi.sh" "$folder/pi"; }
    deps "$folder/deps-aarch64" aarch64 numpy smbus2 gpiozero lgpio
    cp -r "$folder/deps-aarch64" "$share/deps"
    # shellcheck disable=SC1091
    . "$share/devices.sh"
    rc=0
    "$here/run-pi.sh" "$folder/pi" --share "$share" --limit 400 -- "${devices[@]}" || rc=$?;;
esac
[ ! -f "$share/out" ] || cat "$share/out"
exit "$rc"
