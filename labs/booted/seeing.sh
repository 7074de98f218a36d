# Sourced inside the booted machine: one line for each thing that was seen; `counted` ends the script.
set -u
passed=0 failed=0 said=$(mktemp)
see() {  # see WHAT COMMAND...: passes if the command does
    local what=$1; shift
    if "$@" >"$said" 2>&1; then passed=$((passed + 1)); echo "ok    $what"
    else failed=$((failed + 1)); echo "FAIL  $what"; sed 's/^/      /' "$said" | tail -15; fi
}
within() {  # within SECONDS COMMAND...: tried again until then
    local until=$((SECONDS + $1)); shift
    while [ "$SECONDS" -le "$until" ]; do "$@" && return 0; sleep 0.25; done
    return 1
}
has() { grep -q "$1" /run/lift-edge-agent/status.json; }  # what the agent says of itself now
counted() { echo "$passed passed, $failed failed"; [ "$failed" = 0 ]; }
is() { [ "$(systemctl is-active lift-edge-agent)" = "$1" ]; }
pid() { systemctl show -p MainPID --value lift-edge-agent; }
runs_anew() {  # runs_anew PID: active, and another process than that
    local now; now=$(pid)
    [ "$now" != 0 ] && [ "$now" != "$1" ] && systemctl -q is-active lift-edge-agent
}
end() {  # the door stands open until the core sees the alarm over, and the end is given at the lift
    touch /run/lab/lines/8
    within 40 bash -c '! grep -q "\"kind\": \"alarm_button\"" /run/lift-edge-agent/status.json' || return 1
    rm -f /run/lab/lines/8; sleep 2
    edge-agent end-alarm --config $config --who lab
}
unit=/usr/lib/systemd/system/lift-edge-agent.service
state=/var/lib/private/lift-edge-agent
config=/etc/lift-edge-agent/config.toml
