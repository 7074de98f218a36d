#!/bin/bash
# A whole virtual machine with Debian's stock kernel under QEMU's software
# emulation: what this machine's own kernel lacks (i2c-dev, i2c-stub, gpio, USB
# serial, device-mapper, netem, vcan, watchdog, cgroup v2 controllers), and a
# disk whose power can be cut.
#
#   make-vm.sh DIR [--include pkg,...] [--gpio-sim]
#
# Makes DIR/{root,disk.img,kernel/,init.gz} (about 60 s, 1.3 GB).
# --gpio-sim also builds the kernel's gpio-sim module, which Debian leaves out,
# from Debian's own linux-source and headers packages (about 25 s more).
set -euo pipefail
die() { echo "make-vm: $*" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
dir= inc= sim=0
while [ $# -gt 0 ]; do
  case $1 in
    --include) inc=,$2; shift 2;;
    --gpio-sim) sim=1; shift;;
    -*) sed -n '2,12p' "$0"; exit 2;;
    *) dir=$1; shift;;
  esac
done
[ -n "$dir" ] || { sed -n '2,12p' "$0"; exit 2; }
[ ! -e "$dir/disk.img" ] || die "$dir/disk.img exists"
mkdir -p "$dir"; dir=$(realpath "$dir")
export DEBIAN_FRONTEND=noninteractive
need=
for c in qemu-system-x86_64:qemu-system-x86 qemu-img:qemu-utils mke2fs:e2fsprogs depmod:kmod cpio:cpio xz:xz-utils; do
  command -v "${c%%:*}" >/dev/null || need="$need ${c#*:}"
done
[ -e /bin/busybox ] || need="$need busybox-static"
[ -e /usr/share/seabios/bios-256k.bin ] || need="$need seabios"
apt-get update -qq >/dev/null
# shellcheck disable=SC2086
[ -z "$need" ] || apt-get install -y -qq --no-install-recommends $need >/dev/null

"$here/make-rootfs.sh" "$dir/root" --arch amd64 --mode full --include \
  "systemd,systemd-sysv,dbus,udev,kmod,iproute2,iputils-ping,strace,i2c-tools,gpiod,dmsetup,e2fsprogs,python3-serial,python3-smbus2$inc"

image=$(apt-cache depends linux-image-amd64 | awk '/Depends: linux-image/{print $2; exit}')
version=${image#linux-image-}
(cd "$dir" && rm -rf kernel && apt-get download -qq "$image" 2>/dev/null && dpkg -x "$image"_*.deb kernel && rm "$image"_*.deb)
[ -d "$dir/kernel/lib" ] || ln -s usr/lib "$dir/kernel/lib"
depmod -b "$dir/kernel" "$version"

if [ $sim = 1 ]; then
  # shellcheck disable=SC2086
  apt-get install -y -qq --no-install-recommends gcc make linux-headers-$version >/dev/null
  (
    b=$(mktemp -d); trap 'rm -rf "$b"' EXIT; cd "$b"
    src=linux-source-$(echo "$version" | cut -d. -f1,2)
    apt-get download -qq "$src" 2>/dev/null && dpkg -x "$src"_*.deb x
    tar xJf x/usr/src/"$src".tar.xz --strip-components=1 --wildcards '*/drivers/gpio/gpio-sim.c' '*/drivers/gpio/gpiolib.h' '*/kernel/irq/irq_sim.c'
    mkdir m; cp drivers/gpio/gpio-sim.c m/gpio-sim-main.c; cp drivers/gpio/gpiolib.h m/
    # Debian's kernel has no CONFIG_IRQ_SIM and does not export irq_to_desc
    sed 's/handle_simple_irq(irq_to_desc(irqnum))/generic_handle_irq(irqnum)/' kernel/irq/irq_sim.c > m/irq_sim.c
    printf 'obj-m := gpio-sim.o\ngpio-sim-y := gpio-sim-main.o irq_sim.o\n' > m/Makefile
    make -s -C "/usr/src/linux-headers-$version" M="$b/m" modules >"$b/log" 2>&1 || { tail -20 "$b/log" >&2; exit 1; }
    strip --strip-debug m/gpio-sim.ko
    mkdir -p "$dir/kernel/lib/modules/$version/extra"; cp m/gpio-sim.ko "$dir/kernel/lib/modules/$version/extra/"
  )
  depmod -b "$dir/kernel" "$version"
fi

# the initramfs: busybox and the modules that the root disk and the share need
w=$(mktemp -d); trap 'rm -rf "$w"' EXIT
mkdir -p "$w"/{bin,dev,proc,sys,newroot,mods}
cp /bin/busybox "$w/bin/busybox"
for a in sh mount umount switch_root insmod sleep cat ls poweroff; do ln -s busybox "$w/bin/$a"; done
for m in virtio_pci virtio_blk ext4 crc32c_generic 9pnet_virtio 9p virtio_rng; do
  modprobe -d "$dir/kernel" -S "$version" --show-depends "$m" 2>/dev/null | awk '/^insmod/{print $2}'
done | awk '!seen[$0]++' | while read -r f; do
  b=$(basename "$f"); b=${b%.xz}
  case $f in *.xz) xz -dc "$f" > "$w/mods/$b";; *) cp "$f" "$w/mods/$b";; esac
  echo "$b" >> "$w/mods/order"
done
cat > "$w/init" <<'I'
#!/bin/sh
export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t devtmpfs dev /dev
i=/sbin/init; for a in $(cat /proc/cmdline); do case $a in init=*) i=${a#init=};; esac; done
while read m; do insmod /mods/$m 2>/dev/null; done < /mods/order
n=0; while [ ! -b /dev/vda ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
mount -t ext4 -o rw /dev/vda /newroot || { echo "init: no root"; ls /dev; poweroff -f; }
umount /proc; umount /sys; mount -o move /dev /newroot/dev
exec switch_root /newroot $i
I
chmod +x "$w/init"
(cd "$w" && find . | cpio -o -H newc --quiet) | gzip -1 > "$dir/init.gz"

r=$dir/root
mkdir -p "$r/lib/modules" "$r/lab"
cp -a "$dir/kernel/lib/modules/$version" "$r/lib/modules/"
cat > "$r/lab-share" <<'I'
#!/bin/sh
# mounts the host's share and runs its job.sh; what it prints and returns goes to out and rc there
modprobe 9pnet_virtio 2>/dev/null
mount -t 9p -o trans=virtio,version=9p2000.L,msize=262144,cache=none lab /lab
cd /lab; bash /lab/job.sh >/lab/out 2>&1; echo $? >/lab/rc; sync
I
cat > "$r/lab-init" <<'I'
#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc; mount -t sysfs sysfs /sys; mount -t tmpfs tmpfs /run; mount -t tmpfs tmpfs /tmp
ip link set lo up; modprobe -q xhci_pci; modprobe -q ftdi_sio
/lab-share
echo o > /proc/sysrq-trigger; sleep 10
I
cat > "$r/etc/systemd/system/lab.service" <<'I'
[Unit]
Description=The lab's job
After=multi-user.target
[Service]
Type=oneshot
ExecStart=/lab-share
ExecStopPost=/bin/systemctl poweroff -f -f
I
chmod +x "$r/lab-share" "$r/lab-init"
mkdir -p "$r/etc/systemd/system/graphical.target.wants"
ln -sf ../lab.service "$r/etc/systemd/system/graphical.target.wants/lab.service"
truncate -s 2G "$dir/disk.img"
mke2fs -q -F -t ext4 -d "$r" "$dir/disk.img"
echo "$version" > "$dir/version"
echo "vm in $(basename "$dir"): kernel $version, disk $(du -sm "$dir/disk.img" | cut -f1) MB"
