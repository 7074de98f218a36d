#!/bin/bash
# Inside the booted machine: everything that happens to a box in ten years, one after the other, with alarms in between.
# The state folder is a disk of 300 MB of its own. Contacts and the way to the receiver come late. Every press of the
# alarm button is counted in /box/pressed; run.sh looks afterwards whether the receiver has just as many alarms.
. /box/seeing.sh
lab=/run/lab lines=/run/lab/lines
mkdir -p $lab $state; chmod 700 "$(dirname $state)"
mount -t tmpfs -o size=300m,mode=0700 card $state
echo 0 > /box/pressed
press() {  # the button is held, the alarm raised; nothing is said of where it goes
    echo $(($(cat /box/pressed) + 1)) > /box/pressed
    touch $lines/5; sleep 2; rm -f $lines/5
}
told() { journalctl -u lift-edge-agent --no-pager -o cat | grep -q "$1"; }
told_times() { [ "$(journalctl -u lift-edge-agent --no-pager -o cat | grep -c "$1")" -ge "$2" ]; }
nothing_waits() { has '"pending_count": 0'; }
delivered() { nothing_waits && told_times "alarm_button.* stored by firm" "$1"; }
fresh() { systemctl reset-failed lift-edge-agent; systemctl restart lift-edge-agent; }  # more starts than a day has
stored_count() { journalctl -u lift-edge-agent --no-pager -o cat | grep -c "alarm_button.* stored by firm"; }
more_stored() { nothing_waits && [ "$(stored_count)" -gt "$1" ]; }
whole() { edge-agent outbox verify --outbox $state/outbox.sqlite; }
relay() { python3 /box/relay.py tcp:8080 unix:/box/receiver.sock & echo $! > $lab/relay; }
drop() { mkdir -p /etc/systemd/system/lift-edge-agent.service.d; cat > /etc/systemd/system/lift-edge-agent.service.d/lab.conf; systemctl daemon-reload; }
undrop() { rm -f /etc/systemd/system/lift-edge-agent.service.d/lab.conf; systemctl daemon-reload; }

dpkg -i /box/first.deb >/dev/null 2>&1
cp /box/config-trouble.toml $config
see "starts with no chip, no contacts and no network" systemctl start lift-edge-agent
see "is armed and says what is missing" within 20 has '"state": "armed".*door_contacts.*absent'
python3 /box/contacts.py $lab/gpio $lines & sleep 1
see "contacts that come late are taken" within 30 told "door_contacts gives readings"
see "the lid is watched" bash -c "touch $lines/7; sleep 5; rm -f $lines/7; journalctl -u lift-edge-agent -o cat | grep -qi 'box_opened\|Box opened'"

press
see "an alarm without network waits on the disk" within 20 has '"kind": "alarm_button".*"raised"'
relay
see "a network that comes late gets it" within 90 delivered 1
see "the end is given at the lift" end

press
before=$(pid); kill -9 "$before"
see "killed in an alarm it is there again" within 20 runs_anew "$before"
see "with the alarm still open, and that is stored too" within 90 delivered 2
end >/dev/null

systemctl stop lift-edge-agent
printf '[Service]\nEnvironment=PYTHONPATH=/box/wedge\n' | drop
systemctl start lift-edge-agent; within 20 has '"state": "armed"'
press; before=$(pid); kill -USR2 "$before"
see "a wedged loop is found by the watchdog" within 60 runs_anew "$before"
see "the alarm before it is stored" within 90 delivered 3
end >/dev/null
undrop; fresh

see "armed for the full disk" within 30 has '"state": "armed"'
dd if=/dev/zero of=$state/filler bs=1M 2>/dev/null
press
see "an alarm on a full disk is stored: the ballast goes" within 60 delivered 4
dd if=/dev/zero of=$state/filler2 bs=4k 2>/dev/null; df -h $state | tail -1
before=$(pid); touch $lines/6
see "when even that is used up it starts anew in memory" within 60 runs_anew "$before"
see "and says so loudly" bash -c "journalctl -u lift-edge-agent -o cat | grep -q 'RECORDS ARE IN MEMORY ONLY'"
see "in the status too" within 20 has '"storage_trouble": "[^"]'
see "what the full disk refused is stored" within 60 bash -c "journalctl -u lift-edge-agent -o cat | grep -q 'mains_lost.* stored by firm'"
rm -f $state/filler $state/filler2 $lines/6
fresh
see "with room again it goes back to the disk" within 20 has '"storage_trouble": ""'
see "the chain is whole" whole
end >/dev/null

systemctl stop lift-edge-agent
mount -o remount,ro $state
see "starts on a disk that cannot be written" systemctl start lift-edge-agent
see "in memory, and says so" within 20 has '"storage_trouble": "[^"]'
see "and by a fault record" within 80 told "records wait in memory\|Storage low\|storage_low.*stored by firm"
n=$(stored_count); press
see "an alarm is raised and stored all the same" within 60 more_stored "$n"
before=$(pid); kill -9 "$before"
see "it outlives a crash" within 20 runs_anew "$before"
mount -o remount,rw $state
fresh
see "on the disk again when it can be written" within 20 has '"storage_trouble": ""'
see "the chain is whole after that" whole
see "everything is stored" within 60 nothing_waits
end >/dev/null

if [ -e /box/libfaketime.so.1 ]; then
    printf '[Service]\nEnvironment=LD_PRELOAD=/box/libfaketime.so.1 FAKETIME_DONT_FAKE_MONOTONIC=1\nEnvironment="FAKETIME=@2001-02-03 00:00:00"\n' | drop
    fresh
    see "runs with a clock of 2001" within 60 has '"state": "armed"'
    n=$(stored_count); press
    see "its alarm is stored" within 60 more_stored "$n"
    end >/dev/null
    undrop; fresh; within 30 has '"state": "armed"'
else echo "skip  a clock of 2001: libfaketime cannot be had"; fi

# Nothing is writable to the agent but its two folders, not even a scratch folder of its own.
printf '[Service]\nPrivateTmp=no\nTemporaryFileSystem=/tmp:ro /var/tmp:ro\nReadOnlyPaths=/\n' | drop
see "restarts where only its two folders can be written" fresh
see "is armed there" within 30 has '"state": "armed"'
n=$(stored_count); press
see "alarms are stored from there" within 60 more_stored "$n"
see "elsewhere it cannot write" bash -c "for d in / /etc /opt /usr /var /tmp /var/tmp /var/lib /run; do
    nsenter -t $(pid) -m -S $(stat -c %u $state) -G $(stat -c %g $state) touch \$d/lab 2>/dev/null && { echo \$d; exit 1; }; done; true"
see "every file it has open for writing is in its two folders" bash -c "
    for f in /proc/$(pid)/fd/*; do
        n=\$(readlink \$f); m=\$(sed -n 's/^flags:.*\([0-7]\)$/\1/p' /proc/$(pid)/fdinfo/\${f##*/})
        case \$n in /dev/null|socket:*|pipe:*|anon_inode:*|/run/lift-edge-agent/*|/run/private/lift-edge-agent/*|/var/lib/lift-edge-agent/*|$state/*) ;;
        *) [ \"\$m\" = 0 ] || { echo \"\$n \$m\"; exit 1; };; esac
    done"
end >/dev/null
undrop; fresh

printf '[Service]\nExecStart=\nExecStart=/bin/false\nRestartSec=0.2\n' | drop
mkdir -p /etc/systemd/system/lift-edge-agent-again.service.d
printf '[Service]\nEnvironment=PAUSE_S=4\n' > /etc/systemd/system/lift-edge-agent-again.service.d/lab.conf
systemctl daemon-reload; systemctl reset-failed lift-edge-agent; systemctl restart --no-block lift-edge-agent
see "started too often it pauses" within 40 bash -c "systemctl is-active lift-edge-agent-again | grep -q activating"
undrop
see "and is there again by itself" within 40 is active
see "a person who stops it is obeyed" bash -c "systemctl stop lift-edge-agent; sleep 6; [ \$(systemctl is-active lift-edge-agent) = inactive ]"
systemctl reset-failed lift-edge-agent; systemctl start lift-edge-agent

for _ in 1 2 3 4 5 6; do
    within 20 is active; before=$(pid); kill -9 "$before"; within 20 runs_anew "$before"
    systemctl reset-failed lift-edge-agent
done
see "dying again and again it runs with less" within 30 has '"safe_without": \['
see "and tells it" within 30 has '"kind": "repeated_reboot"'
see "in safe mode an alarm is stored" bash -c "echo $(($(cat /box/pressed) + 1)) > /box/pressed; touch $lines/5; sleep 2; rm -f $lines/5"
see "everything is stored at the end" within 60 nothing_waits
see "the chain is whole at the end" whole
sleep 3
journalctl -u lift-edge-agent --no-pager -o cat > /box/agent.log
counted
