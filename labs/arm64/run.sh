#!/bin/bash
# run.sh bookworm|trixie [FOLDER] [install] [tests] [replay] [cost] [pi] [whole]
#
# The package for arm64 where it is at home: Debian for arm64 under QEMU, as a Pi 3's core with Debian 12 (cortex-a53)
# and as a Pi 4's with Debian 13 (cortex-a72). An instruction that the core lacks ends the program, as on the board.
#   install  the package is built and installed with apt; its libraries load, its commands answer
#   tests    the tests that matter on another processor, on the installed package with its own libraries
#   replay   recordings through the installed package, here and on this machine's processor: the same lines?
#   cost     instructions and system calls of a second of live work, the core alone and the running agent by threads
#   pi       an emulated Raspberry Pi 3B: apt install, systemd starts the agent, it is armed, it is asked (pi.sh)
#   whole    on that Pi, the whole agent at a simulated lift: instructions by threads, the kernel's included (pi-whole.py)
# All six without a name. Root, Debian 12 or 13, 3 GB in FOLDER (build/labs). Emulated seconds say nothing about a
# Pi: no time is measured here; the emulated Pi's own clock counts instructions.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
suite=${1:-bookworm} folder=${2:-$root/build/labs}
shift $(($# < 2 ? $# : 2))
parts=${*:-install tests replay cost pi whole}
case $suite in bookworm) cpu=cortex-a53 version=3.11 glibc=36;; trixie) cpu=cortex-a72 version=3.13 glibc=41;; *) sed -n '2,14p' "$0"; exit 2;; esac
mkdir -p "$folder"; folder=$(realpath "$folder")
python=$root/.venv/bin/python
arm=$folder/arm64-$suite box=$folder/arm64-$suite-box amd=$folder/amd64-$suite debs=$folder/arm64-debs
export suite cpu folder python root here arm box debs
work=$(mktemp -d); trap 'rm -rf "$work"' EXIT

in_box() {  # in_box [option of run-in.sh]... -- COMMAND
    "$here/../machine/run-in.sh" "$box" --env "QEMU_CPU=$cpu" --env LG_WD=/tmp --env LANG=C.UTF-8 --ro-bind "$here:/lab" \
        --ro-bind "$here/../booted/seeing.sh:/seeing.sh" "$@"
}
built() {  # built ARCHITECTURE: the path of its package, as it is now
    mkdir -p "$debs"
    PYTHONPATH=$root "$python" "$root/packaging/build.py" --suite "$suite" --arch "$1" --out "$debs" --quick >"$work/built" 2>&1 \
        || { cat "$work/built" >&2; exit 1; }
    sed -n 's/^\(.*\.deb\) (.*/\1/p' "$work/built"
}
wheels() {  # wheels FOLDER PACKAGE...: for the target, as files; nothing is compiled
    local into=$1; shift
    [ ! -e "$into/.whole" ] || return 0
    rm -rf "$into"
    "$python" -m pip install --quiet --disable-pip-version-check --target "$into" --only-binary=:all: --implementation cp \
        --python-version "$version" --platform "manylinux_2_${glibc}_aarch64" --platform manylinux_2_28_aarch64 \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 "$@"
    touch "$into/.whole"
}

part_install() {
    [ -d "$arm/usr/lib/systemd" ] || QEMU_CPU=$cpu "$here/../machine/make-rootfs.sh" "$arm" --arch arm64 --suite "$suite" --mode full --bare \
        --include systemd,systemd-sysv,dbus,udev,kmod
    local deb; deb=$(built arm64)
    rm -rf "$box"; cp -a "$arm" "$box"
    in_box --ro-bind "$deb:/first.deb" --env "CPU=$cpu" -- bash /lab/install.sh
}

part_tests() {
    wheels "$folder/arm64-$suite-pytest" pytest pytest-timeout pytest-mock hypothesis
    mkdir -p "$work/tree"
    cp -r "$root"/{tests,sim,docs,pyproject.toml,ALARMS.md,README.md} "$work/tree/"
    for name in edge_agent drivers calibration; do ln -s "/opt/lift-edge-agent/lib/$name" "$work/tree/$name"; done
    local beside=()
    [ ! -d "$root/../shared" ] || beside=(--ro-bind "$root/../shared:/made/shared")
    in_box --bind "$work/tree:/made/tree" "${beside[@]}" --ro-bind "$folder/arm64-$suite-pytest:/pytest" -- bash /lab/tests.sh
}

part_replay() {
    [ -d "$amd/usr" ] || "$here/../machine/make-rootfs.sh" "$amd" --arch amd64 --suite "$suite"
    local deb; deb=$(built amd64)
    rm -rf "$amd/opt"; dpkg-deb -x "$deb" "$work/amd"; mv "$work/amd/opt" "$amd/opt"
    # Both sides must be the same program: somebody may have worked on the tree since the other was installed.
    diff -rq -x __pycache__ "$box/opt/lift-edge-agent/lib/edge_agent" "$amd/opt/lift-edge-agent/lib/edge_agent" \
        || { echo "run: the program has changed since the part install; run that again"; return 1; }
    mkdir "$work/golden"
    (cd "$work" && PYTHONPATH=$root "$python" "$here/golden.py" golden)
    local each
    for each in "$box" "$amd"; do
        "$here/../machine/run-in.sh" "$each" --env "QEMU_CPU=$cpu" --env LANG=C.UTF-8 --ro-bind "$here:/lab" \
            --ro-bind "$work/golden:/golden" -- bash /lab/replay.sh > "$work/$(basename "$each").lines"
    done
    "$python" "$here/same.py" "$work/$(basename "$box").lines" "$work/$(basename "$amd").lines"
}

part_cost() { "$here/cost.sh"; }
part_pi() { "$here/pi.sh" pi; }
part_whole() { "$here/pi.sh" whole; }

worst=0
for part in $parts; do
    echo "== arm64 $suite ($cpu): $part"
    rc=0; (set -e; "part_$part") || rc=$?
    [ $rc = 0 ] || worst=$rc
done
exit $worst
