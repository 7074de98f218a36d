"""`make sbom`: what the package of the box contains as CycloneDX, one file for each target, from the lock files.

`make audit`: the same lists asked for known holes. Both with tools in an environment of their own, thrown away after.
Exit code: 0 done; 1 a hole is known; 3 the tool or the list of holes cannot be had here (said by name).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from targets import LOCKS, ROOT

SBOM_TOOL = "cyclonedx-bom>=7,<8"
AUDIT_TOOL = "pip-audit>=2.7,<3"
UNABLE = 3


def environment(folder: Path, tool: str) -> Path | None:
    """The `bin` folder of an environment with the tool; None, said by name, where it cannot be had."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    install = [str(folder / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", tool]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)
    if installed.returncode != 0:
        print(f"SKIPPED: {tool} cannot be installed here ({installed.stderr.strip().splitlines()[-1:]})")
        return None
    return folder / "bin"


def write_boms(programs: Path, target: Path) -> list[Path]:
    """One file for each lock; the project itself is the component that they describe."""
    target.mkdir(parents=True, exist_ok=True)
    written = []
    for lock in sorted(LOCKS.glob("*.txt")):
        bom = target / f"lift-edge-agent-{lock.stem}.cdx.json"
        command = [str(programs / "cyclonedx-py"), "requirements", "--pyproject", str(ROOT / "pyproject.toml")]
        command += ["--output-reproducible", "--output-format", "JSON", "--output-file", str(bom), str(lock)]
        subprocess.run(command, check=True, stderr=subprocess.DEVNULL)
        count = len(json.loads(bom.read_text(encoding="utf-8"))["components"])
        print(f"{bom.name}: {count} components")
        written.append(bom)
    return written


def audit(programs: Path) -> int:
    """Known holes in what the locks name: 1 if there are any; 3 if a single one could not be judged."""
    worst = 0
    for lock in sorted(LOCKS.glob("*.txt")):
        command = [str(programs / "pip-audit"), "--disable-pip", "--require-hashes", "--progress-spinner", "off"]
        done = subprocess.run([*command, "-f", "json", "-r", str(lock)], capture_output=True, text=True, check=False)
        holes, unjudged = judged(done.stdout)
        if unjudged or not done.stdout:
            names = ", ".join(unjudged) or done.stderr.strip()[-200:]
            print(f"{lock.stem} SKIPPED: the list of known holes says nothing here of {names}")
        else:
            print(f"{lock.stem}: {len(holes)} known holes")
        for hole in holes:
            print(f"{lock.stem} HOLE: {hole}")
        worst = 1 if holes or worst == 1 else UNABLE if unjudged or not done.stdout else worst
    return worst


def judged(answer: str) -> tuple[list[str], list[str]]:
    """Holes, and names of what could not be judged, from the answer of the tool; nothing for no answer."""
    found = json.loads(answer)["dependencies"] if answer else []
    holes = [
        f"{each['name']} {each['version']}: {hole['id']}, mended in {', '.join(hole['fix_versions']) or 'no version'}"
        for each in found
        for hole in each.get("vulns", ())
    ]
    return holes, [each["name"] for each in found if "skip_reason" in each]


def main() -> int:
    """See the file's first lines."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("act", choices=("sbom", "audit"))
    parser.add_argument("--to", type=Path, default=ROOT / "dist")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        programs = environment(Path(name) / "tool", SBOM_TOOL if args.act == "sbom" else AUDIT_TOOL)
        if programs is None:
            return UNABLE
        if args.act == "audit":
            return audit(programs)
        write_boms(programs, args.to)
    return 0


if __name__ == "__main__":
    sys.exit(main())
