#!/bin/bash
# Inside Debian for arm64: tests on the installed package, with its own libraries. What can differ on another processor:
# arithmetic (detection, signal), bytes (wire, seals, recordings, registers), the database. Left out: what measures real
# time, which emulation stretches (a controller polled over a socket), and the longest searches for one broken byte.
set -eu
cd /made/tree
export PYTHONPATH=/opt/lift-edge-agent/lib:/made/tree:/pytest
python3 -sP - <<'P'
import edge_agent, numpy
for module in (edge_agent, numpy):
    assert module.__file__.startswith("/opt/lift-edge-agent/lib/"), module.__file__
P
exec python3 -sP -m pytest -q -p no:cacheprovider -o timeout=900 -m "not system and not campaign and not hardware" \
    -k "not any_ticks and not loose_door_wires and not changed_byte and not any_byte and not killed_again and not cut_off" \
    tests/detect/test_{detector,entrapment,door_open_in_motion,emergency_stop,movement_rules,signal,real_recordings}.py \
    tests/delivery/test_{golden,vectors,wire,records,outbox,outbox_incidents}.py \
    tests/drivers/test_{adxl345,fifo_chips,pressure,ina219,i2c,register_map,shipped_maps,serial_protocol}.py \
    tests/recording/test_{native_form,timeline,replay}.py tests/shell/test_settings.py "$@"
