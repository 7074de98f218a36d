#!/bin/bash
# make-pi.sh DIR [--suite bookworm|trixie] [--include pkg,...]
#
# An emulated Raspberry Pi 3B (QEMU's raspi3b; its I2C controllers came with
# QEMU 9, so QEMU is taken from trixie, unpacked in DIR/qemu) with Debian's own
# arm64 kernel and userland on its SD card: i2c-bcm2835 with emulated sensors,
# the real 54-line gpiochip of pinctrl-bcm2835, PL011 serial. About 80 s, 1.5 GB.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir= suite=bookworm inc=
while [ $# -gt 0 ]; do
  case $1 in
    --suite) suite=$2; shift 2;;
    --include) inc=,$2; shift 2;;
    -*) sed -n '2,7p' "$0"; exit 2;;
    *) dir=$1; shift;;
  esac
done
[ -n "$dir" ] || { sed -n '2,7p' "$0"; exit 2; }
mkdir -p "$dir"; dir=$(realpath "$dir")
need=
for c in mke2fs:e2fsprogs depmod:kmod cpio:cpio fdtput:device-tree-compiler xz:xz-utils; do
  command -v "${c%%:*}" >/dev/null || need="$need ${c#*:}"
done
if [ -n "$need" ]; then
  apt-get update -qq >/dev/null
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
fi
"$here/make-rootfs.sh" "$dir/qemu" --arch amd64 --suite trixie --include qemu-system-arm,qemu-system-data
"$here/make-rootfs.sh" "$dir/tree" --arch arm64 --suite "$suite" --include \
  "linux-image-arm64,busybox-static,mount,util-linux,kmod,i2c-tools,gpiod,python3-smbus2,python3-serial$inc"
r=$dir/tree
v=$(basename "$(echo "$r"/boot/vmlinuz-*)"); v=${v#vmlinuz-}
depmod -b "$r" "$v"
cp "$r/boot/vmlinuz-$v" "$dir/qemu/vmlinuz"
cp "$r/usr/lib/linux-image-$v/broadcom/bcm2837-rpi-3-b.dtb" "$dir/qemu/pi3.dtb"
# what a Pi's firmware adds and gpiozero asks for: the board's revision
fdtput -c "$dir/qemu/pi3.dtb" /system; fdtput -t x "$dir/qemu/pi3.dtb" /system linux,revision a02082
w=$(mktemp -d); trap 'rm -rf "$w"' EXIT
mkdir -p "$w"/{bin,dev,proc,sys,newroot,mods}
cp "$(find "$r/usr/bin" "$r/bin/" -maxdepth 1 -name busybox | head -1)" "$w/bin/busybox"
for a in sh mount umount switch_root insmod sleep ls; do ln -s busybox "$w/bin/$a"; done
for m in sdhci-iproc bcm2835 mmc_block ext4 crc32c_generic i2c-bcm2835 i2c-dev; do
  modprobe -d "$r" -S "$v" --show-depends "$m" 2>/dev/null | awk '/^insmod/{print $2}'
done | awk '!seen[$0]++' | while read -r f; do
  b=$(basename "$f"); b=${b%.xz}
  case $f in *.xz) xz -dc "$f" > "$w/mods/$b";; *) cp "$f" "$w/mods/$b";; esac
  echo "$b" >> "$w/mods/order"
done
cat > "$w/init" <<'I'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t devtmpfs dev /dev
while read m; do insmod /mods/$m; done < /mods/order
n=0; while [ ! -b /dev/mmcblk0 ] && [ $n -lt 200 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 /dev/mmcblk0 /newroot || { echo "LAB-END 125"; sleep 60; }
umount /proc; mount -o move /dev /newroot/dev
exec switch_root /newroot /lab-init
I
chmod +x "$w/init"
(cd "$w" && find . | cpio -o -H newc --quiet) | gzip -1 > "$dir/qemu/init.gz"
cat > "$r/lab-init" <<'I'
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 PYTHONDONTWRITEBYTECODE=1
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
echo LAB-BEGIN; cd /lab; sh ./job.sh 2>&1; echo "LAB-END $?"
sync; sleep 60
I
chmod +x "$r/lab-init"; mkdir -p "$r/lab"
rm -rf "${r:?}"/boot/* "${r:?}/usr/lib/linux-image-$v" "${r:?}/usr/lib/modules/$v/kernel/drivers/"{gpu,net,media,infiniband,staging,scsi}
echo "Pi 3B with $suite, kernel $v, userland $(du -sm "$r" | cut -f1) MB"
