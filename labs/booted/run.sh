#!/bin/bash
# run.sh [bookworm|trixie] [FOLDER] [package] [page] [trouble] [update] [readonly]: the package in a booted Debian.
# package: installed, killed, upgraded, removed, purged; page: the installer's page beside the agent; trouble: everything
# that happens to a box, with alarms that must all arrive; update: signed updates, kept and undone; readonly: booted twice
# with a root that is mounted read-only. All without a name.
# Root; the first run makes the machine in FOLDER (build/labs), half a minute.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suite=${1:-bookworm} folder=${2:-$root/build/labs}
shift $(($# < 2 ? $# : 2))
parts=${*:-package page trouble update readonly}
mkdir -p "$folder"; folder=$(realpath "$folder")
machine=$folder/booted-$suite box=$folder/box-$suite python=$root/.venv/bin/python
[ -d "$machine/usr/lib/systemd" ] || "$here/boot.sh" make "$machine" --suite "$suite"
work=$(mktemp -d); children=()
trap 'kill "${children[@]}" 2>/dev/null; rm -rf "$work"' EXIT
if [ -z "${BUILT:-}" ]; then  # BUILT=1: what an earlier run has built
    rm -rf "$box"; mkdir -p "$box/wedge"; chmod 755 "$box"
    PYTHONPATH=$root "$python" "$root/packaging/build.py" --suite "$suite" --arch amd64 --out "$box" --quick
    first=$(ls "$box"/*.deb); mv "$first" "$box/first.deb"
    # The next versions: the same content under a higher number; one of them starts nothing.
    for name in second third bad; do
        dpkg-deb -R "$box/first.deb" "$work/$name"
        case $name in second) mark=+again;; third) mark=+third;; bad) mark=+bad;; esac
        sed -i "s/^Version: .*/&$mark/" "$work/$name/DEBIAN/control"
        if [ $name = bad ]; then
            printf '#!/bin/sh\nexit 1\n' > "$work/$name/opt/lift-edge-agent/bin/edge-agent"
            sed -i '/bin\/edge-agent$/d' "$work/$name/DEBIAN/md5sums"
        fi
        dpkg-deb --root-owner-group -Zgzip -z1 --build "$work/$name" "$box/$name.deb" >/dev/null
        "$python" "$root/packaging/sign.py" "$work/key.pem" "$box/$name.deb" >/dev/null
        rm -rf "${work:?}/$name"
    done
    "$python" "$root/packaging/sign.py" "$work/key.pem" "$box/first.deb" >/dev/null
    cp "$work/key.pem.pub" "$box/update.pub"
fi
cp "$here"/*.toml "$here"/*.sh "$here/relay.py" "$here/contacts.py" "$here/visitor.py" "$box/"
cp "$here/sitecustomize.py" "$box/wedge/"
(cd "$work" && apt-get download -qq libfaketime >/dev/null 2>&1 && dpkg-deb -x libfaketime_*.deb faketime \
    && cp faketime/usr/lib/*/faketime/libfaketime.so.1 "$box/") || true

booted() {  # booted PART: in a machine of its own
    "$here/boot.sh" run "$machine" --bind "$box:/box" --timeout 900 -- bash "/box/$1.sh"
}
booted_readonly() {  # an image that is made, booted, cut off and booted again; its one partition stays
    mkdir -m 700 "$work/data"
    local image=(--copy "$box/first.deb:/first.deb" --copy "$here/config-trouble.toml:/config.toml" --before "$here/image.sh"
        --read-only --bind "$work/data:/var/lib/private" --bind "$box:/box" --timeout 300)
    "$here/boot.sh" run "$machine" "${image[@]}" --kill -- bash /box/readonly.sh first \
        && "$here/boot.sh" run "$machine" "${image[@]}" -- bash /box/readonly.sh again
}

worst=0
for part in $parts; do
    echo "== $suite: $part"
    rm -rf "$work/receiver"
    "$python" -m receiver run --port 0 --data "$work/receiver" > "$work/receiver.log" 2>&1 & children+=($!)
    receiver=$!
    for _ in $(seq 100); do grep -q "listening on" "$work/receiver.log" && break; sleep 0.2; done
    port=$(sed -n 's/.*listening on http:\/\/[^:]*:\([0-9]*\).*/\1/p' "$work/receiver.log" | head -1)
    [ -n "$port" ] || { cat "$work/receiver.log"; exit 1; }
    "$python" "$here/relay.py" "unix:$box/receiver.sock" "tcp:$port" & children+=($!)
    rc=0
    if [ "$part" = readonly ]; then booted_readonly || rc=$?; else booted "$part" || rc=$?; fi
    [ $rc = 0 ] || worst=$rc
    kill "$receiver"; wait "$receiver" 2>/dev/null || true
    if [ "$part" != package ]; then
        "$python" -m receiver verify --data "$work/receiver" || worst=1
    fi
    if [ "$part" = trouble ]; then
        "$python" -m receiver export feed --data "$work/receiver" > "$box/feed.jsonl"
        "$python" "$here/judge.py" "$box/feed.jsonl" "$(cat "$box/pressed")" || worst=1
    fi
done
exit $worst
