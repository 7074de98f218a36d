"""`edge-agent support-bundle`: what support asks for is inside, and no secret of the box is."""

from __future__ import annotations

import base64
import json
import tarfile
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.certificates import new_key
from edge_agent.cli.state_folder import KEY_FILE, StateFolder
from edge_agent.cli.support_bundle import FILE_BYTES_MAX, without_secrets
from edge_agent.enrolment_folder import keep
from tests.shell.test_status import STATUS

Output = pytest.CaptureFixture[str]

BOX = """\
[lift]
id = "lift-7"
[accelerometer]
chip = "adxl345"
bus = "unix:{folder}/none"
[delivery]
receivers = [{{ name = "firm", url = "http://127.0.0.1:9" }}]
[state]
folder = "{folder}/state"
"""


def bundled(box: Path) -> dict[str, bytes]:
    """The files inside."""
    target = box.parent / "bundle.tar.gz"
    assert main(["support-bundle", "--config", str(box), "--to", str(target)]) == 0
    with tarfile.open(target) as bundle:
        return {Path(member.name).name: bundle.extractfile(member).read() for member in bundle}  # type: ignore[union-attr]


@pytest.fixture
def box(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(BOX.format(folder=tmp_path), encoding="utf-8")
    return path


def test_it_holds_what_support_asks_for(box: Path, capsys: Output) -> None:
    StateFolder(box.parent / "state").write_status(STATUS)
    files = bundled(box)
    assert set(files) == {
        "settings.toml",
        "status.json",
        "doctor.jsonl",
        "outbox.txt",
        "baselines.json",
        "log.txt",
        "machine.txt",
    }
    assert b'id = "lift-7"' in files["settings.toml"]
    assert json.loads(files["status.json"])["lift_id"] == STATUS.lift_id
    names = {json.loads(line)["name"] for line in files["doctor.jsonl"].splitlines()}
    assert "agent.stopped" in names
    assert b"there is no outbox" in files["outbox.txt"]
    assert b"numpy " in files["machine.txt"]
    assert "No key, certificate, shared secret or recording is inside" in capsys.readouterr().out


def test_no_secret_of_the_box_is_inside(box: Path) -> None:
    folder = StateFolder(box.parent / "state")
    folder.record_key()
    key_pem, ca = new_key(), b"-----BEGIN CERTIFICATE-----\nQUJD\n-----END CERTIFICATE-----\n"
    shared = "5f3c9a7e11d24b60a8c1e2f3d4b5c6a7"
    kept = keep(box.parent / "state", "https://firm.example:1", "ab" * 32, ca, key_pem + ca, shared)
    secrets = [path.read_bytes() for path in (box.parent / "state" / KEY_FILE, kept / "box.pem", kept / "secret")]
    everything = b"\n".join(bundled(box).values())
    assert len(everything) > 1000
    for secret in secrets:
        for form in (secret, secret.strip(), secret.hex().encode(), base64.b64encode(secret)):
            assert form not in everything
        for line in secret.split(b"\n"):
            assert len(line) < 16 or line.startswith(b"-----") or line not in everything
    assert b"secret" in everything, "the names of the files are told, so that it is seen that they are there"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ('url = "mqtts://box:hunter2@broker:8883/x"', 'url = "mqtts://box:(left out)@broker:8883/x"'),
        ('url = "https://broker:8883/x"', 'url = "https://broker:8883/x"'),
        ('password = "hunter2"', 'password = "(left out)"'),
        ('  sim_pin = "1234"  # of the card', '  sim_pin = "(left out)"'),
        ("pins = 3", "pins = 3"),
        ('id = "a"\nToken="x y"\nb = 1', 'id = "a"\nToken="(left out)"\nb = 1'),
    ],
)
def test_passwords_are_left_out_of_settings_and_log(text: str, left: str) -> None:
    assert without_secrets(text) == left


def test_a_long_file_is_cut_at_its_beginning_and_says_so(box: Path) -> None:
    with box.open("a", encoding="utf-8") as file:
        file.write("".join(f"# {number:>60}\n" for number in range(3)))
    (box.parent / "state").mkdir()
    (box.parent / "state" / "baselines.json").write_text("x" * (FILE_BYTES_MAX + 10) + "END", encoding="ascii")
    found = bundled(box)["baselines.json"]
    assert found.startswith(b"[the beginning is cut")
    assert found.endswith(b"END")
    assert len(found) < FILE_BYTES_MAX + 100


def test_a_place_where_it_cannot_be_written_is_named(box: Path, capsys: Output) -> None:
    where = box.parent / "none" / "bundle.tar.gz"
    assert main(["support-bundle", "--config", str(box), "--to", str(where)]) == 3
    assert f"{where}: cannot be written" in capsys.readouterr().err
