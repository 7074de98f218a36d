#!/bin/bash
# run.sh [bookworm|trixie] [FOLDER]: the package built, installed, killed, wedged, upgraded, rolled back, removed and purged
# in a booted Debian. Root; the first run makes the machine in FOLDER (build/labs), half a minute.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suite=${1:-bookworm} folder=${2:-$root/build/labs}
mkdir -p "$folder"
machine=$folder/booted-$suite box=$folder/box-$suite
[ -d "$machine/usr/lib/systemd" ] || "$here/boot.sh" make "$machine" --suite "$suite"
rm -rf "$box"; mkdir -p "$box"
PYTHONPATH=$root "$root/.venv/bin/python" "$root/packaging/build.py" --suite "$suite" --arch amd64 --out "$box"
first=$(ls "$box"/*.deb); mv "$first" "$box/first.deb"
# The next version: the same content under a higher number.
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
dpkg-deb -R "$box/first.deb" "$work/again"
sed -i 's/^Version: .*/&+again/' "$work/again/DEBIAN/control"
dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/again" "$box/second.deb" >/dev/null
cp "$here/config.toml" "$here/package.sh" "$box/"
exec "$here/boot.sh" run "$machine" --bind "$box:/box" --timeout 300 -- bash /box/package.sh
