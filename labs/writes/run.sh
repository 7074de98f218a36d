#!/bin/bash
# run.sh [SEED DAY TIMES]...: bytes that reach the disk on a simulated day, counted below the file system: ext4 as on a card
# (blocks of 4 KiB, its journal and all) on a loop device, whose sectors the kernel counts. Root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
[ $# -gt 0 ] || set -- 1 3 1 1 3 10
work=$(mktemp -d)
trap 'umount "$work/card" 2>/dev/null || true; [ -z "${loop:-}" ] || losetup -d "$loop" 2>/dev/null; rm -rf "$work"' EXIT
mkdir "$work/card"
while [ $# -ge 3 ]; do
    truncate -s 256M "$work/image"
    mkfs.ext4 -q -F -b 4096 -E lazy_itable_init=0,lazy_journal_init=0 "$work/image"
    loop=$(losetup -f --show "$work/image")
    mount -o noatime "$loop" "$work/card"; sync
    sectors() { sync; awk '{print $7}' "/sys/block/${loop#/dev/}/stat"; }
    before=$(sectors)
    told=$(CACHE="$work/concluded-$1-$2" PYTHONPATH=$root "$root/.venv/bin/python" "$here/day.py" "$work/card" "$1" "$2" "$3")
    after=$(sectors)
    printf '%s seed %s day %s traffic times %s: %.1f MB reached the disk\n' "$told" "$1" "$2" "$3" "$(echo "($after - $before) * 512 / 1000000" | bc -l)"
    for _ in 1 2 3 4 5; do umount "$work/card" && break; sleep 1; done; losetup -d "$loop"; loop=; rm "$work/image"
    shift 3
done
