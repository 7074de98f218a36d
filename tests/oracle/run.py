"""`make oracle`: makes an environment for the judges, shows them the material; skips by name where none can be had."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
JUDGES = ("zcbor==0.9.1", "pycose==1.1.0", "cbor2>=5.9,<6")  # pycose and zcbor both break on cbor2 6


def main() -> int:
    """The exit code of the judges; 0 where they could not come, which is said."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "judges" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(folder / "judges")], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *JUDGES]
        installed = subprocess.run(install, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(f"oracle SKIPPED: {', '.join(JUDGES)} cannot be installed here ({reason})")
            return 0
        material = folder / "material.json"
        with material.open("w") as file:
            subprocess.run([sys.executable, "-m", "tests.oracle.material"], check=True, stdout=file, cwd=ROOT)
        judge: list[str | Path] = [
            python,
            ROOT / "tests" / "oracle" / "judge.py",
            ROOT / "edge_agent" / "alarm.cddl",
            material,
        ]
        return subprocess.run(judge, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
