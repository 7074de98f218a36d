#!/bin/bash
# A real systemd as PID 1 in a container on this machine, for the package and its unit.
#
#   boot.sh make DIR [--suite bookworm|trixie]      builds the root (amd64), about half a minute
#   boot.sh run DIR [--bind SRC:DST]... [--copy SRC:DST]... [--timeout S] -- COMMAND [ARG...]
#       boots DIR under systemd-nspawn with a throwaway overlay, waits until systemd is up, runs COMMAND in it as
#       root, powers off; exits with COMMAND's status. Nothing in DIR changes.
#   boot.sh reboot-run DIR STATEDIR [as run] -- COMMAND
#       the same, with STATEDIR kept as /var between calls
#   --kill           ends the container with SIGKILL to its PID 1 instead of an orderly shutdown
#   --before SCRIPT  is run in the root, by chroot, before it boots; it may write everywhere
#   --read-only      boots it with the root mounted read-only
#
# Needs root and systemd-container (installed when missing). No network but loopback, a mount namespace and a cgroup
# tree of its own.
set -euo pipefail
die() { echo "lab: $*" >&2; exit 1; }
here=$(cd "$(dirname "$0")" && pwd)
usage() { sed -n '2,15p' "$0"; exit 2; }
[ $# -ge 2 ] || usage
[ "$(id -u)" = 0 ] || die "must be root"
verb=$1 dir=$2; shift 2

if [ "$verb" = make ]; then
  inc="systemd,systemd-sysv,dbus,udev,kmod,python3,libpam-systemd"
  args=()
  while [ $# -gt 0 ]; do
    case $1 in
      --include) inc="$inc,$2"; shift 2;;
      *) args+=("$1"); shift;;
    esac
  done
  "$here/../machine/make-rootfs.sh" "$dir" --arch amd64 --mode full --include "$inc" ${args[@]+"${args[@]}"}
  exit
fi

state= kill=0 limit=120 before= opts=() copies=()
case $verb in
  run) ;;
  reboot-run) state=$(realpath -m "$1"); shift; mkdir -p "$state";;
  *) usage;;
esac
while [ $# -gt 0 ]; do
  case $1 in
    --bind) opts+=("--bind=$2"); shift 2;;
    --ro-bind) opts+=("--bind-ro=$2"); shift 2;;
    --copy) copies+=("$2"); shift 2;;
    --timeout) limit=$2; shift 2;;
    --kill) kill=1; shift;;
    --before) before=$(realpath "$2"); shift 2;;
    --read-only) opts+=(--read-only); shift;;
    --) shift; break;;
    *) usage;;
  esac
done
[ $# -gt 0 ] || usage
[ -d "$dir/usr/lib/systemd" ] || die "$dir has no systemd: boot.sh make $dir"
dir=$(realpath "$dir")
if ! command -v systemd-nspawn >/dev/null; then
  apt-get update -qq >/dev/null
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends systemd-container >/dev/null
fi

work=$(mktemp -d)
mkdir "$work/up" "$work/wk" "$work/root"
# what the unshared shell below leaves: the cgroups (bottom up) and the overlay
cleanup() {
  local c
  for c in /sys/fs/cgroup/unified /sys/fs/cgroup; do
    for _ in $(seq 30); do
      [ -d "$c/lab.$$" ] || break
      find "$c/lab.$$" -depth -type d -exec rmdir {} + 2>/dev/null || sleep 0.1
    done
  done
  rm -rf "$work"
}
trap cleanup EXIT
export LAB_ID=$$ LAB_DIR=$dir LAB_WORK=$work LAB_STATE=$state LAB_KILL=$kill LAB_LIMIT=$limit LAB_BEFORE=$before
rc=0
# shellcheck disable=SC2016
unshare --mount --propagation private bash -c '
  set -u
  nopt=$1 ncopy=$2; shift 2
  opts=("${@:1:$nopt}"); shift "$nopt"
  copies=("${@:1:$ncopy}"); shift "$ncopy"
  umount -R /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 125
  cg=/sys/fs/cgroup/lab.$LAB_ID
  mkdir "$cg" && echo $$ > "$cg/cgroup.procs" || exit 125
  mount -t overlay overlay -o "lowerdir=$LAB_DIR,upperdir=$LAB_WORK/up,workdir=$LAB_WORK/wk" "$LAB_WORK/root" || exit 125
  root=$LAB_WORK/root
  for c in ${copies[@]+"${copies[@]}"}; do
    mkdir -p "$root/$(dirname "${c#*:}")" && cp -a "${c%%:*}" "$root/${c#*:}" || exit 125
  done
  if [ -n "$LAB_STATE" ]; then
    [ -n "$(ls -A "$LAB_STATE")" ] || cp -a "$root/var/." "$LAB_STATE/"
    opts+=("--bind=$LAB_STATE:/var")
  fi
  if [ -n "$LAB_BEFORE" ]; then
    cp "$LAB_BEFORE" "$root/lab-before" && chroot "$root" /bin/bash /lab-before && rm "$root/lab-before" || exit 125
  fi
  : > "$root/etc/machine-id"
  systemd-nspawn --quiet -D "$root" --boot --register=no --keep-unit --private-network \
    --console=pipe --machine=lab$LAB_ID --kill-signal=SIGRTMIN+3 --link-journal=no \
    --capability=all --system-call-filter=bpf \
    ${opts[@]+"${opts[@]}"} </dev/null >"$LAB_WORK/console" 2>&1 &
  n=$! pid= s=
  for _ in $(seq 600); do
    sleep 0.1
    kill -0 $n 2>/dev/null || break
    for c in $(cat /proc/$n/task/$n/children 2>/dev/null); do pid=$c; done
    [ -n "$pid" ] || continue
    s=$(nsenter -t "$pid" -a systemctl is-system-running 2>/dev/null) || true
    case $s in running|degraded) break;; esac
  done
  case $s in
    running|degraded) [ "$s" = running ] || nsenter -t "$pid" -a systemctl --failed --no-legend >&2;;
    *) echo "lab: no systemd came up (state: $s)" >&2; tail -20 "$LAB_WORK/console" >&2; [ -z "$pid" ] || kill -9 "$pid" $n 2>/dev/null; exit 125;;
  esac
  timeout -k 5 "$LAB_LIMIT" nsenter -t "$pid" -a /usr/bin/env -i \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 "$@"
  rc=$?
  if [ "$LAB_KILL" = 1 ]; then kill -9 "$pid"; else kill -s RTMIN+3 "$pid"; fi
  for _ in $(seq 300); do kill -0 $n 2>/dev/null || break; sleep 0.1; done
  kill -9 "$pid" $n 2>/dev/null
  wait $n 2>/dev/null
  exit $rc
' lab "${#opts[@]}" "${#copies[@]}" ${opts[@]+"${opts[@]}"} ${copies[@]+"${copies[@]}"} "$@" || rc=$?
exit $rc
