# On the emulated Pi 3B, run by a unit of its systemd. The package is installed and enabled and has no settings yet.
. /lab/seeing.sh
run=/run/lift-edge-agent/status.json
source_is() {  # source_is NAME CONDITION: of that source, as the agent tells of it now
    python3 -c "import json, sys; s = {e['name']: e for e in json.load(open('$run'))['sources']}['$1']; sys.exit(not ($2))"
}
tr -d '\0' < /proc/device-tree/model; echo ", $(uname -m), kernel $(uname -r), $(python3 --version), systemd $(systemctl --version | sed -n '1s/systemd \([0-9]*\).*/\1/p')"
property() { systemctl show -p "$1" --value lift-edge-agent; }
watched_for() {  # watched_for SECONDS: of one run, since it was armed, up to the last word to the watchdog
    [ "$(property NRestarts)" = 0 ] && [ $(($(property WatchdogTimestampMonotonic) - $(property ActiveEnterTimestampMonotonic))) -gt $(($1 * 1000000)) ]
}
see "the devices are there" udevadm settle --timeout=120
see "was not started without settings" is inactive
see "is enabled" systemctl is-enabled lift-edge-agent
see "chips belong to their group" bash -c '[ "$(stat -c %G /dev/i2c-1)" = i2c ]'
see "memories get the chips' registers" env PYTHONPATH=/opt/lift-edge-agent/lib:/lab python3 -sP /lab/pi-burn.py
cp /lab/config.toml $config
see "settings are good" edge-agent check-config $config
see "starts, and tells systemd when it is armed" systemctl start lift-edge-agent
see "is active" is active
see "under the limits of the package" test "$(property TimeoutStartUSec) $(property WatchdogUSec)" = "1min 30s"
echo "armed $((($(property ActiveEnterTimestampMonotonic) - $(property ExecMainStartTimestampMonotonic)) / 1000)) ms of the board after its start, $(($(property ExecMainStartTimestampMonotonic) / 1000)) ms after the kernel's"
see "is fenced in" bash -c '[ "$(systemctl show -p ProtectSystem --value lift-edge-agent)" = strict ] && [ "$(systemctl show -p DynamicUser --value lift-edge-agent)" = yes ]'
see "reads the barometer over the kernel's I2C" within 240 source_is pressure "s['readings_count'] > 20 and not s['trouble']"
if grep -q '^\[contacts\]' $config; then
    see "reads the levels of its contacts through lgpio" within 240 source_is door_contacts "s['readings_count'] >= 3 and not s['trouble']"
fi
see "tells that the accelerometer is silent" within 240 source_is accelerometer "'silent' in s['trouble']"
see "feeds the watchdog for longer than that waits" within 90 watched_for 31
see "is asked for its status" edge-agent status --state $state
cut -c1-240 "$said"
see "the chain of its records is whole" edge-agent outbox verify --outbox $state/outbox.sqlite
echo "memory of the service: $(systemctl show -p MemoryCurrent --value lift-edge-agent) bytes; $(grep -h VmRSS "/proc/$(pid)/status")"
see "stops in order" systemctl stop lift-edge-agent
see "ended by itself" bash -c '[ "$(systemctl show -p Result --value lift-edge-agent)" = success ]'
journalctl -q --no-pager -o cat -u lift-edge-agent | head -30 | cut -c1-200
counted
