#!/bin/bash
# Called by run.sh: instructions and system calls of a second of live work, counted by count.c.
#   core     the detection core at 400 Hz, blocks as an ADXL345 is drained: a busy lift, a parked one
#   agent    `edge-agent run` as installed, emulated, against a simulated lift that runs beside it unemulated: 400 Hz,
#            ten controller polls a second, contacts, recording, a receiver; by threads
set -euo pipefail
qemu=$folder/arm64-qemu
if [ ! -e "$qemu/count.so" ]; then
    need=
    command -v qemu-aarch64 >/dev/null || need="$need qemu-user"
    command -v gcc >/dev/null || need="$need gcc libc6-dev"
    if [ -n "$need" ]; then
        apt-get update -qq >/dev/null
        # shellcheck disable=SC2086
        DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $need >/dev/null
    fi
    rm -rf "$qemu"; mkdir -p "$qemu/lib"
    cp "$(command -v qemu-aarch64)" "$qemu/"
    # The emulator comes along with its libraries, so that it runs inside the foreign root.
    ldd "$qemu/qemu-aarch64" | sed -n 's/.*=> \(\/[^ ]*\) .*/\1/p' | xargs -I{} cp -L {} "$qemu/lib/"
    cp -L /lib64/ld-linux-x86-64.so.2 "$qemu/ld.so"
    major=$("$qemu/qemu-aarch64" --version | sed -n 's/.*version \([0-9]*\).*/\1/p')
    gcc -shared -fPIC -O2 -DAPI=$((major < 9 ? 1 : 2)) -o "$qemu/count.so" "$here/count.c"
fi
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
mkdir "$work/tree" "$work/out"
cp -r "$root/benchmarks" "$root/sim" "$work/tree/"
counting=(/qemu/ld.so --library-path /qemu/lib /qemu/qemu-aarch64 -cpu "$cpu" -plugin /qemu/count.so)
in_box() {
    "$here/../machine/run-in.sh" "$box" --env "QEMU_CPU=$cpu" --env LG_WD=/tmp --env LANG=C.UTF-8 --ro-bind "$here:/lab" \
        --ro-bind "$qemu:/qemu" --ro-bind "$work/tree:/made/tree" --env PYTHONPATH=/opt/lift-edge-agent/lib:/made/tree "$@"
}

core() {  # core NAME [ARGUMENT]
    in_box --bind "$work/out:/out" --env "COUNT_OUT=/out/$1" -- "${counting[@]}" /usr/bin/python3 -s "/lab/$1.py" "${@:2}" \
        | "$python" "$here/counted.py" core "$work/out/$1"
}
core core "${CORE_SECONDS:-40}"
core yardstick

PYTHONPATH=$root "$python" "$here/agent.py" "$work/out" "${AGENT_SECONDS:-60}" -- \
    "$here/../machine/run-in.sh" "$box" --env LG_WD=/tmp --env LANG=C.UTF-8 --ro-bind "$here:/lab" --ro-bind "$qemu:/qemu" \
    --env PYTHONPATH=/opt/lift-edge-agent/lib --env "QEMU_CPU=$cpu" @BINDS@ -- "${counting[@]}" /usr/bin/python3 -sP /lab/named.py
