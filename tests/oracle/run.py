"""`make oracle`: makes environments for the judges, shows them the material; skips by name where none can be had."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
HERE = ROOT / "tests" / "oracle"


@dataclass(frozen=True)
class Court:
    """Judges that live in one environment. material: the module that writes what they judge."""

    name: str
    judges: tuple[str, ...]
    material: str
    judge: tuple[Path, ...]


COURTS = (
    Court(  # pycose and zcbor both break on cbor2 6
        "records",
        ("zcbor==0.9.1", "pycose==1.1.0", "cbor2>=5.9,<6"),
        "tests.oracle.material",
        (HERE / "judge.py", ROOT / "edge_agent" / "alarm.cddl"),
    ),
    Court("dc09", ("siadc09==1.0.1", "pysiaalarm==3.2.2"), "tests.oracle.dc09_material", (HERE / "dc09_judge.py",)),
)


def main() -> int:
    """The worst exit code of the judges; 0 where they could not come, which is said."""
    return max(judged(court) for court in COURTS)


def judged(court: Court) -> int:
    """One court's verdict."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = folder / "judges" / "bin" / "python"
        subprocess.run([sys.executable, "-m", "venv", str(folder / "judges")], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *court.judges]
        installed = subprocess.run(install, capture_output=True, text=True, check=False)
        if installed.returncode != 0:
            reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
            print(f"oracle SKIPPED: {', '.join(court.judges)} cannot be installed here ({reason})")
            return 0
        material = folder / "material.json"
        with material.open("w") as file:
            subprocess.run([sys.executable, "-m", court.material], check=True, stdout=file, cwd=ROOT)
        return subprocess.run([python, *court.judge, material], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
