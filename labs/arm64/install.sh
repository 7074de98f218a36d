#!/bin/bash
# Inside Debian for arm64: the package as its user meets it, as far as no service manager and no chip are needed.
. /seeing.sh  # the root was made without manual pages, so they are not asked for
cd "$(mktemp -d)"
lib=/opt/lift-edge-agent/lib
of_package() { PYTHONPATH=$lib python3 -sPc "$1"; }

see "this is arm64" test "$(python3 -c 'import platform; print(platform.machine())')" = aarch64
see "installs with apt" apt-get install -y --no-install-recommends /first.deb
see "is whole" bash -c 'dpkg -s lift-edge-agent | grep -q "^Status: install ok installed" && ! dpkg --verify lift-edge-agent | grep -v /usr/share/man'
see "every library holds code for this processor only" bash -c \
    "[ -e $lib/numpy ] && for f in \$(find $lib -name '*.so*'); do [ \"\$(od -An -j18 -N2 -tu2 \$f | tr -d ' ')\" = 183 ] || { echo \$f; exit 1; }; done"
see "says its version" edge-agent --version
see "the libraries load" of_package 'import cbor2, cffi, cryptography, gpiozero, numpy, paho.mqtt, pymodbus, serial, smbus2'
if [ -e "$lib/lgpio.py" ]; then see "lgpio loads" of_package 'import lgpio'; fi
see "numpy computes" of_package 'import numpy as n; a = n.arange(9.0).reshape(3, 3) + n.eye(3); assert abs(n.linalg.det(a) + 5) < 1e-9'
see "signs and verifies" of_package 'from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey as K; k = K.generate(); k.public_key().verify(k.sign(b"x"), b"x")'
see "the example settings are good" edge-agent check-config /usr/share/doc/lift-edge-agent/example.toml
see "bad settings are refused with exit code 2" bash -c 'echo "[lift]" > bad.toml; edge-agent check-config bad.toml; [ $? = 2 ]'
see "doctor looks at everything and breaks at nothing" bash -c \
    'edge-agent doctor --json --config /usr/share/doc/lift-edge-agent/example.toml > doctor; [ $? = 1 ] && python3 -m json.tool --json-lines < doctor'
see "doctor speaks Chinese" bash -c \
    'edge-agent doctor --lang zh --config /usr/share/doc/lift-edge-agent/example.toml | grep -qP "[^\x00-\x7F]{6}"'
see "the alarm reference is the one of the package" bash -c \
    'edge-agent alarms --markdown | cmp - /usr/share/doc/lift-edge-agent/ALARMS.md'
see "completes its commands" bash -c \
    '. /usr/share/bash-completion/completions/edge-agent; COMP_WORDS=(edge-agent out); COMP_CWORD=1; _edge_agent; [ "${COMPREPLY[*]}" = outbox ]'
counted
