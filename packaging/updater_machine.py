"""The real dpkg, systemd and agent for `updater.py`: the program behind `edge-agent update`. Root only."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from updater import NAME, Seen, main

OPT = Path("/opt/lift-edge-agent")
FOLDER = Path("/var/lib/lift-edge-agent-update")
KEYS = (Path("/etc/lift-edge-agent/update.pub"), OPT / "update.pub")
STATUS = Path("/run/lift-edge-agent/status.json")
SERVICE, WORKER = f"{NAME}.service", f"{NAME}-update.service"
FRESH_S = 10.0


class Debian:
    """See the module."""

    def installed(self) -> str:
        """Version that is installed and whole."""
        words = _asked("dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", NAME).split()
        return words[0] if len(words) == 2 and words[1] == "installed" else ""

    def described(self, file: Path) -> dict[str, str]:
        """Fields of a file."""
        lines = _asked("dpkg-deb", "-f", str(file), "Package", "Version", "Architecture").splitlines()
        return dict(line.split(": ", 1) for line in lines if ": " in line)

    def is_newer(self, version: str, than: str) -> bool:
        """As dpkg orders them."""
        return subprocess.run(["dpkg", "--compare-versions", version, "gt", than], check=False).returncode == 0

    def altered(self) -> tuple[str, ...]:
        """By the digests that dpkg keeps."""
        lines = _asked("dpkg", "--verify", NAME).splitlines()
        names = (line.split()[-1] for line in lines)
        return tuple(name for name in names if name.startswith(("/opt/", "/usr/lib/")))

    def install(self, file: Path) -> str:
        """Quietly, also an older one; what an interrupted dpkg left is mended first."""
        quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        options = ["--force-confdef", "--force-confold", "--force-downgrade"]
        done = subprocess.run(
            ["dpkg", *options, "-i", str(file)], env=quiet, capture_output=True, text=True, check=False
        )
        sys.stdout.write(done.stdout + done.stderr)
        return "" if done.returncode == 0 else (done.stderr.strip().splitlines() or ["dpkg failed"])[-1]

    def pack_again(self, to: Path) -> None:
        """From dpkg's own lists."""
        with tempfile.TemporaryDirectory(dir=to.parent) as work:
            root = Path(work)
            for name in _asked("dpkg-query", "-L", NAME).splitlines():
                source, target = Path(name), root / name.lstrip("/")
                if source.is_dir() and not source.is_symlink():
                    target.mkdir(parents=True, exist_ok=True)
                elif source.is_symlink() or source.exists():
                    target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(source, target, follow_symlinks=False)
            control = root / "DEBIAN"
            control.mkdir(mode=0o755)
            lines = _asked("dpkg-query", "-s", NAME).splitlines()
            kept_lines = (line for line in lines if not line.startswith(("Status:", "Config-Version:")))
            (control / "control").write_text("".join(f"{line}\n" for line in kept_lines), encoding="utf-8")
            for script in ("postinst", "prerm", "postrm", "md5sums"):
                kept = Path(f"/var/lib/dpkg/info/{NAME}.{script}")
                if kept.exists():
                    shutil.copy2(kept, control / script)
            made = root.with_suffix(".deb")
            command = ["dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", work, str(made)]
            subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
            made.replace(to)

    def seen(self) -> Seen:
        """From its status file, if that is fresh; it lies in memory and is gone with each boot."""
        try:
            said = json.loads(STATUS.read_text(encoding="utf-8"))
            age_s = self.now_s() - said["now_ns"] / 1e9
            if not 0 <= age_s <= FRESH_S:
                return Seen()
            answers = [each["answer_age_s"] for each in said["destinations"] if each["answer_age_s"] is not None]
            return Seen(
                pid=said["pid"],
                is_armed=said["state"] == "armed",
                incidents=tuple(each["kind"] for each in said["incidents"]),
                stored_count=sum(each["stored_count"] for each in said["destinations"]),
                answer_age_s=min(answers, default=None),
            )
        except (OSError, ValueError, KeyError, TypeError):
            return Seen()

    def service_pid(self) -> int:
        """Of the main process."""
        said = _asked("systemctl", "show", "-p", "ActiveState,MainPID", "--value", SERVICE).split()
        numbers = [int(word) for word in said if word.isdigit()]
        return numbers[0] if "active" in said and numbers else 0

    def now_s(self) -> float:
        """As the agent counts it."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) / 1e9

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def _asked(*command: str) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def _begin() -> None:
    subprocess.run(["systemctl", "start", "--no-block", WORKER], check=True)


if __name__ == "__main__":
    sys.path.insert(0, str(OPT / "lib"))  # for the check of the signature only
    if os.geteuid() != 0:
        sys.exit("only root may update: sudo edge-agent update ...")
    sys.exit(main(FOLDER, KEYS, Debian(), _begin, sys.argv[1:]))
