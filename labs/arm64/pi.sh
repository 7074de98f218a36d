#!/bin/bash
# pi.sh pi|whole, called by run.sh: an emulated Raspberry Pi 3B boots systemd from the root in which apt has installed the
# package, and runs pi-job.sh (pi: its service) or pi-whole-job.sh (whole: the agent is counted). What hangs on its I2C bus:
# labs/pi/devices.sh. Kernel and emulator are those of `make lab-pi`.
#
# Its time goes by instructions (`-icount`): 500 million of them are a second, about half of what a Pi 3's core gets
# through (whole: twice that), however slow this machine is; a waiting board costs nothing. So the unit's own limits hold
# as they are. One of the four cores runs. What no sensor needs is not started (OFF), and udev is told of pins, buses and
# serial ports only: otherwise it also loads the kernel's modules for the board's screen, radio and USB.
set -euo pipefail
part=$1 pi=$folder/arm64-$suite-$1
[ -e "$folder/pi/qemu/init.gz" ] || { rm -rf "$folder/pi"; "$here/../machine/make-pi.sh" "$folder/pi"; }
rm -rf "$pi"; mkdir -p "$pi"; ln -s "$folder/pi/qemu" "$pi/qemu"
cp -a "$box" "$pi/tree"
tree=$pi/tree
rm -rf "${tree:?}"/{var/cache/apt,var/lib/apt/lists,root/.cache}
mkdir -p "$tree/lab" "$tree/usr/lib/modules"; cp -a "$folder/pi/tree/usr/lib/modules/." "$tree/usr/lib/modules/"
printf '#!/bin/sh\nexec /lib/systemd/systemd\n' > "$tree/lab-init"; chmod +x "$tree/lab-init"
units=$tree/etc/systemd/system
OFF="serial-getty@ttyAMA0 getty@tty1 getty-static console-getty systemd-logind systemd-user-sessions modprobe@
    systemd-firstboot systemd-networkd-wait-online systemd-binfmt systemd-repart systemd-pstore systemd-random-seed
    systemd-update-utmp systemd-update-utmp-runlevel systemd-machine-id-commit systemd-hwdb-update systemd-modules-load
    systemd-journal-flush systemd-pcrphase systemd-pcrphase-sysinit kmod-static-nodes e2scrub_reap
    apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer fstrim.timer systemd-tmpfiles-clean.timer
    dev-hugepages.mount dev-mqueue.mount sys-kernel-debug.mount sys-kernel-tracing.mount sys-kernel-config.mount
    sys-fs-fuse-connections.mount proc-sys-fs-binfmt_misc.automount
    systemd-ask-password-console.path systemd-ask-password-wall.path"
for each in $OFF; do
    case $each in *.timer|*.mount|*.automount|*.path) ;; *) each=$each.service;; esac
    ln -sf /dev/null "$units/$each"
done
mkdir -p "$units/multi-user.target.wants" "$units/systemd-udev-trigger.service.d"
cat > "$units/systemd-udev-trigger.service.d/lab.conf" <<'U'
[Service]
ExecStart=
ExecStart=udevadm trigger --action=add --subsystem-match=i2c-dev --subsystem-match=gpio --subsystem-match=tty
U
cat > "$units/lab.service" <<'U'
[Service]
Type=simple
ExecStart=/bin/bash /lab/pi-console.sh
U
ln -s ../lab.service "$units/multi-user.target.wants/lab.service"
share=$(mktemp -d); trap 'rm -rf "$share"' EXIT
job=pi-job.sh shift=1  # of 1 ns, an instruction
if [ "$part" = whole ]; then
    job=pi-whole-job.sh shift=0  # the lift runs on that core too: at half the speed it was late and samples were lost
    mkdir "$share/tree"; cp -r "$root/benchmarks" "$root/sim" "$share/tree/"; find "$share/tree" -name __pycache__ -prune -exec rm -rf {} +
    echo 'import sys; sys.path.append("/opt/lift-edge-agent/lib")' > "$share/tree/sitecustomize.py"
    cp "$here/pi-whole.py" "$share/"
fi
cp "$here/$job" "$here/pi-burn.py" "$here/../pi/chips.py" "$here/../booted/seeing.sh" "$here/../pi/devices.sh" "$share/"
cp "$here/pi-$suite.toml" "$share/config.toml"
# Not /dev/ttyAMA0: the device tree gives that port to the radio, so there is none, and words for it end in a plain file.
printf 'exec >/dev/console 2>&1 </dev/null\necho; echo LAB-BEGIN; cd /lab; bash ./%s; echo "LAB-END $?"\n' "$job" > "$share/pi-console.sh"
: > "$share/job.sh"  # run-pi.sh asks for one; here a unit runs pi-job.sh
# shellcheck disable=SC1091
. "$share/devices.sh"
devices+=(-icount "shift=$shift,sleep=off" -global bcm2837.enabled-cpus=1)
devices+=(-append "console=ttyAMA0,115200 quiet panic=-1 maxcpus=1 systemd.show_status=1")
# What the console says is told at once.
touch "$share/console.log"
tail -n +1 --pid=$$ -s 0.5 --follow=name --retry "$share/console.log" 2>/dev/null | grep -av --line-buffered raspberrypi-exp-gpio &
rc=0
"$here/../machine/run-pi.sh" "$pi" --share "$share" --limit "${PI_LIMIT:-1500}" -- "${devices[@]}" || rc=$?
sleep 2  # the last words
exit $rc
