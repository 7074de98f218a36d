"""The list of parts names every file of the lock with its digest; the audit calls nothing good that it cannot judge."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packaging.test_package import LOCKS, ROOT, ask

UNABLE = 3


def judged(answer: dict[str, object]) -> str:
    return ask(f"import json; from sbom import judged; print(json.dumps(judged({json.dumps(answer)!r})))").strip()


def test_a_part_that_nobody_knows_about_is_not_called_good() -> None:
    skipped = {"name": "cbor2", "skip_reason": "not found"}
    good = {"name": "numpy", "version": "2.4.6", "vulns": []}
    assert json.loads(judged({"dependencies": [skipped, good]})) == [[], ["cbor2"]]


def test_a_known_hole_is_named_with_the_version_that_mends_it() -> None:
    hole = {"id": "PYSEC-1", "fix_versions": ["2.0"]}
    bad = {"name": "cbor2", "version": "1.0", "vulns": [hole]}
    holes, unjudged = json.loads(judged({"dependencies": [bad]}))
    assert (holes, unjudged) == (["cbor2 1.0: PYSEC-1, mended in 2.0"], [])


@pytest.mark.system
@pytest.mark.timeout(300)
def test_every_file_of_each_lock_is_in_its_list_with_its_digest(tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "packaging/sbom.py"), "sbom", "--to", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode == UNABLE:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stdout + done.stderr
    for lock in LOCKS:
        bom = json.loads((tmp_path / f"lift-edge-agent-{lock.stem}.cdx.json").read_text(encoding="utf-8"))
        assert bom["bomFormat"] == "CycloneDX"
        found = {
            f"{part['name'].lower()}=={part['version']} --hash=sha256:{digest['content']}"
            for part in bom["components"]
            for reference in part["externalReferences"]
            for digest in reference.get("hashes", ())
        }
        lines = [line for line in lock.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
        assert found == set(lines)
