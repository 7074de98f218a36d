#!/bin/bash
# run-pi.sh DIR --share FOLDER [--limit S] [-- qemu argument...]
#
# Boots the Pi of make-pi.sh with FOLDER as /lab on its SD card and runs
# /lab/job.sh (about 7 s to reach it); what it prints goes to FOLDER/out, and its
# exit status is this script's (124: out of time). Nothing else comes back.
# Put sensors on its I2C bus 1 with, for example:
#   -- -device tmp105,id=t0,bus=i2c-bus.1,address=0x48
# (tmp105, at24c-eeprom, ds1338, emc1413, tmp421, dps310, pca9552 ...) and set
# them while it runs over the QMP socket FOLDER/qmp.sock, for example:
#   qom-set path=/machine/peripheral/t0 property=temperature value=37500
set -euo pipefail
usage() { sed -n '2,12p' "$0"; exit 2; }
[ $# -ge 1 ] || usage
here=$(cd "$(dirname "$0")" && pwd)
dir=$(realpath "$1"); shift
share= limit=180
while [ $# -gt 0 ]; do
  case $1 in
    --share) share=$2; shift 2;;
    --limit) limit=$2; shift 2;;
    --) shift; break;;
    *) usage;;
  esac
done
[ -n "$share" ] && [ -f "$share/job.sh" ] || { echo "run-pi: --share FOLDER with a job.sh in it" >&2; exit 2; }
share=$(realpath "$share"); rm -f "$share"/{out,console.log,qmp.sock}
w=$(mktemp -d); trap 'rm -rf "$w"' EXIT
rm -rf "$dir/tree/lab"; cp -a "$share" "$dir/tree/lab"
truncate -s 2G "$w/sd.img"; mke2fs -q -F -t ext4 -d "$dir/tree" "$w/sd.img"   # an SD card's size is a power of two
"$here/run-in.sh" "$dir/qemu" --bind "$share:/share" --bind "$w:/card" --cwd /share -- \
  timeout -s KILL "$limit" bash -c '
    qemu-system-aarch64 -M raspi3b -display none -no-reboot -serial file:/share/console.log -nic none \
      -qmp unix:/share/qmp.sock,server=on,wait=off -kernel /vmlinuz -dtb /pi3.dtb -initrd /init.gz \
      -append "console=ttyAMA0,115200 quiet panic=-1" -drive if=sd,format=raw,file=/card/sd.img "$@" & q=$!
    while kill -0 $q 2>/dev/null && ! grep -aq "^LAB-END" /share/console.log 2>/dev/null; do sleep 0.2; done
    sleep 0.2; kill -9 $q 2>/dev/null; wait $q 2>/dev/null; [ -s /share/console.log ]' run-pi "$@" >/dev/null 2>"$w/err" || { cat "$w/err" >&2; echo "run-pi: it did not start, or ran out of time" >&2; }
tr -d '\r\0' < "$share/console.log" | sed -n '/^LAB-BEGIN/,/^LAB-END/p' | grep -v -a -e '^LAB-BEGIN' -e '^LAB-END' -e 'raspberrypi-exp-gpio' > "$share/out" || true
rc=$(tr -d '\r\0' < "$share/console.log" | sed -n 's/^LAB-END //p' | head -1)
exit "${rc:-124}"
