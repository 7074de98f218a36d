#!/bin/bash
# Inside the booted machine: the installer's page of the package, off until it is switched on, beside the running agent.
. /box/seeing.sh
# Sockets that listen at port 8089, by /proc/net/tcp: state 0A, addresses in hexadecimal.
anywhere() { cat /proc/net/tcp /proc/net/tcp6 | grep -E ':1F99 0+:0000 0A'; }
listens() { anywhere | grep -q ' 0100007F:'; }
silent() { ! anywhere; }
asks() { python3 /box/visitor.py "$@"; }

see "installs" dpkg -i /box/first.deb
cp /box/config.toml $config
see "the agent runs" bash -c "systemctl start lift-edge-agent"
see "units are clean" bash -c "systemd-analyze verify /usr/lib/systemd/system/lift-edge-page* 2>&1 | grep -v 'man edge-agent' | grep . && exit 1 || exit 0"
see "nothing is enabled" bash -c "! systemctl is-enabled lift-edge-page.socket lift-edge-page.service lift-edge-page-settings.path 2>/dev/null | grep -qx enabled"
see "exposure of the page at most 2.5" bash -c "systemd-analyze security --no-pager lift-edge-page | sed -n 's/.*level for .*: \([0-9.]*\) .*/\1/p' | awk '{found = \$1 + 0} END {exit !(found > 0 && found <= 2.5)}'"
see "nothing listens while it is off" silent
see "the label's PIN is made" bash -c "edge-agent page --show-pin --config $config | grep -Eqx '[0-9]{8}'"
pin=$(edge-agent page --show-pin --config $config)
see "the PIN is its owner's alone" bash -c "[ \$(stat -c %a.%u $state/page.pin) = 600.\$(stat -c %u $state) ]"

before=$(pid)
see "switched on" systemctl start lift-edge-page
see "listens at loopback alone" within 10 listens
nowhere_else() { ! anywhere | grep -v ' 0100007F:'; }
see "and nowhere else" nowhere_else
see "a wrong PIN is refused" asks enter 00000000 403
see "the PIN opens, and the agent is seen" asks state "$pin" armed
see "its uid is the agent's" bash -c "[ \$(stat -c %u /proc/\$(systemctl show -p MainPID --value lift-edge-page)) = \$(stat -c %u /proc/$before) ]"
see "the calibration takes the devices" asks calibrate "$pin"
see "the agent is the same process, and watches again" within 30 bash -c "[ \$(systemctl show -p MainPID --value lift-edge-agent) = $before ] && grep -q '\"state\": \"armed\"' /run/lift-edge-agent/status.json"
see "systemd never thought it had stopped" is active
see "accepted settings are put in place" asks settings
see "others are refused" asks foreign
see "the page goes off" systemctl stop lift-edge-page
see "and listens no more" within 5 silent

see "armed by its socket" systemctl start lift-edge-page.socket
see "which listens" listens
see "a first visitor starts it" asks enter 00000000 403
see "it runs" systemctl -q is-active lift-edge-page
see "told to stop" systemctl stop lift-edge-page
see "its socket ends with it" within 10 silent
see "the chain of records is whole" edge-agent outbox verify --outbox $state/outbox.sqlite
see "changes are recorded" bash -c "edge-agent outbox list --outbox $state/outbox.sqlite | grep -q configuration_changed"
see "purges" dpkg -P lift-edge-agent
counted
