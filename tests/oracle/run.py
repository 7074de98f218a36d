"""`make oracle`: makes environments for the judges, shows them the material; skips by name where none can be had."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.oracle import api

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


API_JUDGES = ("schemathesis==4.32.5",)


def main() -> int:
    """The worst exit code of the judges; 0 where they could not come, which is said. `api`: those of the receiver."""
    if sys.argv[1:] != ["api"]:
        return max(judged(court) for court in COURTS)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder, API_JUDGES)
        return 0 if python is None else api.judged(python, folder)


def judged(court: Court) -> int:
    """One court's verdict."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        python = environment(folder, court.judges)
        if python is None:
            return 0
        material = folder / "material.json"
        with material.open("w") as file:
            subprocess.run([sys.executable, "-m", court.material], check=True, stdout=file, cwd=ROOT)
        return subprocess.run([python, *court.judge, material], check=False).returncode


def environment(folder: Path, judges: tuple[str, ...]) -> Path | None:
    """The Python of an environment with these judges; None where they cannot be had, which is said."""
    python = folder / "judges" / "bin" / "python"
    subprocess.run([sys.executable, "-m", "venv", str(folder / "judges")], check=True)
    install = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *judges]
    installed = subprocess.run(install, capture_output=True, text=True, check=False)
    if installed.returncode == 0:
        return python
    reason = (installed.stderr.strip().splitlines() or ["pip failed"])[-1]
    print(f"oracle SKIPPED: {', '.join(judges)} cannot be installed here ({reason})")
    return None


if __name__ == "__main__":
    sys.exit(main())
