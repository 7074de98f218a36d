#!/bin/bash
# Inside the booted machine: updates that are refused, kept, killed in the middle, and undone.
. /box/seeing.sh
lab=/run/lab lines=/run/lab/lines work=/var/lib/lift-edge-agent-update
mkdir -p $lab
version() { dpkg-query -W -f '${Version} ${db:Status-Status}' lift-edge-agent; }
first=$(dpkg-deb -f /box/first.deb Version)
refused() { ! edge-agent update "$@" >"$said.2" 2>&1; }
ended() { edge-agent update --status | tail -1 | grep -q -- "-> $1"; }

dpkg -i /box/first.deb >/dev/null 2>&1
cp /box/config-trouble.toml $config
python3 /box/contacts.py $lab/gpio $lines &
systemctl start lift-edge-agent; within 20 has '"state": "armed"'
see "without a key nothing is updated" bash -c "edge-agent update /box/second.deb 2>&1 | grep -q 'no key'"
cp /box/update.pub /etc/lift-edge-agent/update.pub
see "without a receiver nothing is updated" bash -c "edge-agent update /box/second.deb 2>&1 | grep -q 'no receiver answers'"
python3 /box/relay.py tcp:8080 unix:/box/receiver.sock & relay=$!
within 60 has '"answer_age_s": [0-9]'
forged=$(mktemp -d)/forged.deb; cp /box/second.deb $forged; printf x >> $forged; cp /box/second.deb.sig $forged.sig
see "a forged file is refused" bash -c "edge-agent update $forged 2>&1 | grep -q 'not a signature'"
touch $lines/5; sleep 2; rm $lines/5; within 10 has '"kind": "alarm_button"'
see "nobody updates while an alarm is open" bash -c "edge-agent update /box/second.deb 2>&1 | grep -q 'alarm_button is open'"
end >/dev/null; within 10 bash -c "! grep -q '\"kind\": \"alarm_button\"' /run/lift-edge-agent/status.json"

see "a signed update begins" edge-agent update /box/second.deb --watch-s 8 --receipt-s 60
see "and is kept after a receipt and a steady run" within 120 ended kept
see "it is the newer one" bash -c "dpkg-query -W -f '\${Version}' lift-edge-agent | grep -q +again"
see "which runs" is active

see "a bad one begins" edge-agent update /box/bad.deb --watch-s 8 --receipt-s 20
see "gets no receipt, and the one before comes back" within 180 ended went_back
see "it is the one before" bash -c "dpkg-query -W -f '\${Version}' lift-edge-agent | grep -q '+again$'"
see "and runs" within 30 is active

see "one more" edge-agent update /box/third.deb --watch-s 8 --receipt-s 60
see "is killed in the middle of dpkg" within 20 bash -c "grep -qsx dpkg /proc/[0-9]*/comm && systemctl kill -s KILL lift-edge-agent-update"
echo "      then installed: $(version)"
see "goes on by itself and is kept" within 180 ended kept
see "it is whole" bash -c "dpkg-query -W -f '\${Version} \${db:Status-Status}' lift-edge-agent | grep -q '+third installed' && ! dpkg --verify lift-edge-agent | grep -E ' /(opt|usr/lib)/'"

see "the way back to the older one begins" edge-agent update /box/first.deb --allow-older --watch-s 5 --receipt-s 60
see "is killed while the new version is judged" within 60 bash -c "edge-agent update --status | grep -q checking && systemctl kill -s KILL lift-edge-agent-update"
see "and is kept after that" within 120 ended kept
see "it is the first" bash -c "[ \"\$(dpkg-query -W -f '\${Version}' lift-edge-agent)\" = $first ]"
see "the chain is whole" edge-agent outbox verify --outbox $state/outbox.sqlite
see "health alone can be asked" edge-agent update --health --watch-s 2 --receipt-s 20
see "purges" dpkg -P lift-edge-agent
see "leaves nothing of the updates" bash -c "[ ! -e $work ]"
journalctl -u lift-edge-agent -u lift-edge-agent-update --no-pager -o cat > /box/update.log
counted
