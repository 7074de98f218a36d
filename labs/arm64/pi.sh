#!/bin/bash
# Called by run.sh: an emulated Raspberry Pi 3B boots systemd from the root in which apt has installed the package, and
# runs pi-job.sh. What hangs on its I2C bus: labs/pi/devices.sh. Kernel and emulator are those of `make lab-pi`.
set -euo pipefail
pi=$folder/arm64-$suite-pi
[ -e "$folder/pi/qemu/init.gz" ] || { rm -rf "$folder/pi"; "$here/../machine/make-pi.sh" "$folder/pi"; }
rm -rf "$pi"; mkdir -p "$pi"; ln -s "$folder/pi/qemu" "$pi/qemu"
cp -a "$box" "$pi/tree"
tree=$pi/tree
rm -rf "${tree:?}"/{var/cache/apt,var/lib/apt/lists,root/.cache}
mkdir -p "$tree/lab" "$tree/usr/lib/modules"; cp -a "$folder/pi/tree/usr/lib/modules/." "$tree/usr/lib/modules/"
printf '#!/bin/sh\nexec /lib/systemd/systemd\n' > "$tree/lab-init"; chmod +x "$tree/lab-init"
units=$tree/etc/systemd/system
mkdir -p "$units/multi-user.target.wants" "$units/lift-edge-agent.service.d"
for each in serial-getty@ttyAMA0 getty@tty1 apt-daily.timer apt-daily-upgrade.timer e2scrub_all.timer dpkg-db-backup.timer \
    systemd-firstboot systemd-networkd-wait-online; do
    case $each in *.timer) ;; *) each=$each.service;; esac
    ln -sf /dev/null "$units/$each"
done
cat > "$units/lab.service" <<'U'
[Unit]
After=basic.target
DefaultDependencies=no
[Service]
Type=simple
ExecStart=/bin/bash /lab/pi-console.sh
U
ln -s ../lab.service "$units/multi-user.target.wants/lab.service"
# Emulation is twenty times slower than the board, so that the unit's own limits would end a start that goes well.
printf '[Service]\nTimeoutStartSec=900\nTimeoutStopSec=120\nWatchdogSec=600\n' > "$units/lift-edge-agent.service.d/slow.conf"
share=$(mktemp -d); trap 'rm -rf "$share"' EXIT
cp "$here/pi-job.sh" "$here/pi-burn.py" "$here/../pi/chips.py" "$here/../booted/seeing.sh" "$here/../pi/devices.sh" "$share/"
cp "$here/pi-$suite.toml" "$share/config.toml"
printf 'exec >/dev/ttyAMA0 2>&1 </dev/null\necho LAB-BEGIN; cd /lab; bash ./pi-job.sh; echo "LAB-END $?"\n' > "$share/pi-console.sh"
: > "$share/job.sh"  # run-pi.sh asks for one; here a unit runs pi-job.sh
# shellcheck disable=SC1091
. "$share/devices.sh"
# One core of four: on a busy machine the others spend their time waiting for locks whose holder does not run.
devices+=(-append "console=ttyAMA0,115200 quiet panic=-1 maxcpus=1 systemd.show_status=1")
rc=0
"$here/../machine/run-pi.sh" "$pi" --share "$share" --limit "${PI_LIMIT:-1500}" -- "${devices[@]}" || rc=$?
cat "$share/out"
[ $rc != 124 ] || tail -30 "$share/console.log"
exit $rc
