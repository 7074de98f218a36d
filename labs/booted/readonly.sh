#!/bin/bash
# readonly.sh first|again: inside the machine whose root is mounted read-only. Only /var/lib/private can be written, as a
# partition of its own, and /run. The first boot is ended like by a power cut, the second is of the same box.
. /box/seeing.sh
lab=/run/lab lines=/run/lab/lines
mkdir -p $lab
told() { journalctl -u lift-edge-agent --no-pager -o cat | grep -q "$1"; }
whole() { edge-agent outbox verify --outbox $state/outbox.sqlite; }
records_count() { python3 -c "import sqlite3; print(sqlite3.connect('file:$state/outbox.sqlite?mode=ro', uri=True).execute('SELECT sum(seq) FROM head').fetchone()[0])"; }

see "the root cannot be written" bash -c 'for d in / /etc /opt /usr /var /var/lib /var/tmp /var/log /root; do touch $d/lab 2>/dev/null && { echo $d; exit 1; }; done; grep " / " /proc/mounts | grep -q "[ ,]ro,"'
see "no unit failed" bash -c '[ -z "$(systemctl --failed --no-legend | tee /dev/stderr)" ]'
see "the boot has started the agent" within 30 is active
python3 /box/contacts.py $lab/gpio $lines &
python3 /box/relay.py tcp:8080 unix:/box/receiver.sock &
see "it is armed" within 30 has '"state": "armed"'
see "on its disk, not in memory" has '"storage_trouble": ""'
see "contacts are taken" within 30 told "door_contacts gives readings"
if [ "$1" = again ]; then
    see "it is the same box" bash -c "[ \"\$(sha256sum < $state/record.key)\" = \"\$(cat /box/key)\" ]"
    see "its records go on" test "$(records_count)" -gt "$(cat /box/records)"
fi
touch $lines/5; sleep 2; rm -f $lines/5
see "an alarm is stored at the receiver" within 60 told "alarm_button.* stored by firm"
end >/dev/null
before=$(pid); kill -9 "$before"
see "killed it is there again" within 20 runs_anew "$before"
see "armed again" within 20 has '"state": "armed"'
before=$(pid)
see "restarted in order" systemctl restart lift-edge-agent
see "by another process" runs_anew "$before"
see "the chain of its records is whole" whole
sha256sum < $state/record.key > /box/key; records_count > /box/records
counted
