"""Write the lock files: `make deb-lock`. Asks the package index once for each target and notes what it chose."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from targets import LOCKS, OF_DEBIAN, TARGETS, Target, wanted


def locked(target: Target) -> list[str]:
    """Lines `name==version --hash=sha256:...`, sorted."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--dry-run"]
        command += ["--ignore-installed", "--report", str(report), "--target", folder]
        subprocess.run([*command, *target.pip_options(), *wanted(target)], check=True)
        chosen = json.loads(report.read_text(encoding="utf-8"))["install"]
    lines = []
    for each in chosen:
        name, version = each["metadata"]["name"].lower(), each["metadata"]["version"]
        if name in OF_DEBIAN:
            continue
        digest = each["download_info"]["archive_info"]["hashes"]["sha256"]
        lines.append(f"{name}=={version} --hash=sha256:{digest}")
    return sorted(lines)


def main() -> None:
    LOCKS.mkdir(exist_ok=True)
    for target in TARGETS:
        lines = locked(target)
        head = f"# {target.name}: what the package of the box contains. Written by make deb-lock."
        target.lock.write_text("\n".join([head, *lines]) + "\n", encoding="utf-8")
        print(f"{target.lock.name}: {len(lines)} packages")


if __name__ == "__main__":
    main()
