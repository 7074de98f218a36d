#!/bin/bash
# Inside the booted machine: the package as its user meets it. One line for each thing that was seen; the last line
# counts. The box has no chip and no pin here, which is also a test: it must run, say so, and lose nothing.
. /box/seeing.sh

see "installs" dpkg -i /box/first.deb
see "is not started without settings" is inactive
see "is enabled" systemctl is-enabled lift-edge-agent
see "says its version" edge-agent --version
see "unit is clean" bash -c "systemd-analyze verify $unit 2>&1 | grep -v 'man edge-agent' | grep . && exit 1 || exit 0"
see "exposure at most 2.0" bash -c "systemd-analyze security --no-pager lift-edge-agent | sed -n 's/.*level for .*: \([0-9.]*\) .*/\1/p' | awk '{found = \$1 + 0} END {exit !(found > 0 && found <= 2.0)}'"
see "has a manual page" bash -c "dpkg-deb -c /box/first.deb | grep -q man1/edge-agent.1"
see "completes its commands" bash -c ". /usr/share/bash-completion/completions/edge-agent; COMP_WORDS=(edge-agent out); COMP_CWORD=1; _edge_agent; [ \"\${COMPREPLY[*]}\" = outbox ]"

cp /box/config.toml $config
see "settings are good" edge-agent check-config $config
see "starts and tells systemd so" systemctl start lift-edge-agent
see "runs without any chip or pin" within 10 is active
see "has told the missing sensor" within 30 bash -c "edge-agent status --state $state --json | grep -q sensor_fault"
see "runs as no lasting user" bash -c "! getent passwd lift-edge-agent >/dev/null || [ \$(stat -c %u $state) -ge 61184 ]"
see "state is its own" bash -c "[ \$(stat -c %a $state) = 700 ]"
see "cannot write elsewhere" bash -c "nsenter -t $(pid) -m touch /etc/x 2>&1 | grep -q Read-only"

before=$(pid)
see "killed" kill -9 "$before"
see "comes back after kill -9" within 15 runs_anew "$before"
see "nothing is lost, the chain is whole" edge-agent outbox verify --outbox $state/outbox.sqlite
before=$(pid)
see "wedged" kill -STOP "$before"
see "the watchdog starts it again" within 60 runs_anew "$before"
see "the chain is whole after that" edge-agent outbox verify --outbox $state/outbox.sqlite

key=$(sha256sum $state/record.key | cut -d' ' -f1)
before=$(pid)
see "upgrades" dpkg -i /box/second.deb
see "runs after the upgrade" within 15 runs_anew "$before"
see "is the newer one" bash -c "dpkg-query -W -f '\${Version}' lift-edge-agent | grep -q +again"
see "is the same box" bash -c "[ \$(sha256sum $state/record.key | cut -d' ' -f1) = $key ]"
see "rolls back" dpkg -i /box/first.deb
see "runs after the roll-back" within 15 is active
see "the chain is whole after both" edge-agent outbox verify --outbox $state/outbox.sqlite

see "removes" dpkg -r lift-edge-agent
see "does not run" is inactive
see "keeps the box's key and outbox" test -s $state/record.key
see "purges" dpkg -P lift-edge-agent
see "leaves nothing" bash -c "[ ! -e $state ] && [ ! -e /etc/lift-edge-agent ] && [ ! -e /opt/lift-edge-agent ] && [ ! -e /usr/bin/edge-agent ]"
counted
