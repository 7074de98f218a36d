"""The command line: exit codes, one line a mistake, and nothing started where the input is wrong."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.cli import SUMMARIES, module_of
from edge_agent.cli.state_folder import StateFolder
from edge_agent.cli.status import age_of
from edge_agent.clock import SystemClock, boot_id
from edge_agent.errors import EdgeAgentError
from edge_agent.status import AgentStatus, status_from_json
from tests.shell.making import S
from tests.shell.test_status import STATUS, with_changes

ROOT = Path(__file__).parents[2]
Output = pytest.CaptureFixture[str]

GOOD = """\
[lift]
id = "a"
[accelerometer]
chip = "adxl345"
[delivery]
receivers = [{ name = "firm", url = "http://127.0.0.1:9" }]
[state]
folder = "state"
"""


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "box.toml"
    path.write_text(GOOD, encoding="utf-8")
    return path


def test_a_valid_file_is_described_and_nothing_is_made(good: Path, capsys: Output) -> None:
    assert main(["check-config", str(good)]) == 0
    assert "adxl345 at 0x53 on /dev/i2c-1, 400 Hz, +-16 g" in capsys.readouterr().out
    assert [path.name for path in good.parent.iterdir()] == ["box.toml"]


@pytest.mark.parametrize("command", [["check-config"], ["run", "--config"], ["status", "--config"]])
def test_every_command_refuses_a_wrong_file_in_the_same_words(command: list[str], good: Path, capsys: Output) -> None:
    good.write_text(GOOD.replace("chip", "chpi"), encoding="utf-8")
    assert main([*command, str(good)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert lines == [
        f'{good}:3: [accelerometer] lacks chip. Write for example: chip = "adxl345"',
        f"{good}:4: chpi is no key of [accelerometer]. Did you mean chip?",
    ]
    assert [path.name for path in good.parent.iterdir()] == ["box.toml"]


def test_a_missing_file_leads_to_the_one_beside_it(good: Path, capsys: Output) -> None:
    assert main(["run", "--config", str(good.with_name("bxo.toml"))]) == 2
    assert f"there is no such file. Did you mean {good}?" in capsys.readouterr().err


def test_a_missing_folder_is_named(good: Path, capsys: Output) -> None:
    assert main(["check-config", str(good.parent / "none" / "box.toml")]) == 2
    assert "There is no folder" in capsys.readouterr().err


def test_a_file_that_is_no_text_names_the_line(good: Path, capsys: Output) -> None:
    good.write_bytes(b'[lift]\nid = "\xff"\n')
    assert main(["check-config", str(good)]) == 2
    assert capsys.readouterr().err.startswith(f"{good}:2: this is no UTF-8 text")


def test_check_config_without_a_file_says_what_to_write(capsys: Output) -> None:
    assert main(["check-config"]) == 2
    assert "edge-agent check-config FILE" in capsys.readouterr().err


def test_an_unknown_map_is_answered_by_what_the_drivers_know(good: Path, capsys: Output) -> None:
    controller = '[controller]\nkind = "modbus_tcp"\nhost = "h"\nmap = "nice3000"\n'
    good.write_text(GOOD + controller, encoding="utf-8")
    assert main(["check-config", str(good)]) == 2
    assert "Did you mean nice3000plus?" in capsys.readouterr().err


@pytest.mark.parametrize("command", sorted(SUMMARIES))
def test_every_command_has_help_and_a_file_of_its_own(command: str, capsys: Output) -> None:
    with pytest.raises(SystemExit) as left:
        main([command, "--help"])
    assert left.value.code == 0
    assert f"edge-agent {command}" in capsys.readouterr().out
    assert (ROOT / (module_of(command).replace(".", "/") + ".py")).is_file()


def test_help_and_mistakes_load_neither_numpy_nor_drivers() -> None:
    code = (
        "import sys; from edge_agent.__main__ import main\n"
        "try: main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'numpy', 'pymodbus', 'gpiozero', 'sqlite3'}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_mistake_of_the_program_is_called_one(monkeypatch: pytest.MonkeyPatch, good: Path, capsys: Output) -> None:
    monkeypatch.setattr("edge_agent.cli.check_config.load_settings", lambda _name: 1 / 0)
    assert main(["check-config", str(good)]) == 70
    err = capsys.readouterr().err
    assert "ZeroDivisionError" in err
    assert err.splitlines()[-1].startswith("edge-agent: this is a mistake in the program")


def test_the_catalogue_is_printed_in_both_languages(capsys: Output) -> None:
    assert main(["alarms"]) == 0
    assert "Entrapment" in capsys.readouterr().out
    assert main(["alarms", "--lang", "zh"]) == 0
    assert "困人" in capsys.readouterr().out


def test_the_limits_are_printed_with_their_ranges(capsys: Output) -> None:
    assert main(["alarms", "--limits"]) == 0
    assert "entrapment_hold_s_outside_zone = 60   (20 to 300; " in capsys.readouterr().out


def test_status_of_a_folder_without_an_agent_says_so(tmp_path: Path, capsys: Output) -> None:
    assert main(["status", "--state", str(tmp_path)]) == 2
    assert "no agent has written its status here" in capsys.readouterr().err


def written(folder: Path, **changes: object) -> AgentStatus:
    """A status of this boot in `folder`, as the agent would write it now."""
    status = with_changes(STATUS, boot_id=boot_id(), now_ns=SystemClock().now_ns(), **changes)
    StateFolder(folder).write_status(status)
    return status


def test_status_of_a_running_agent_is_good_news(tmp_path: Path, capsys: Output) -> None:
    written(tmp_path)
    assert main(["status", "--state", str(tmp_path)]) == 0
    assert "Lift north: armed" in capsys.readouterr().out


def test_status_as_json_is_what_the_agent_wrote(tmp_path: Path, capsys: Output) -> None:
    status = written(tmp_path)
    assert main(["status", "--state", str(tmp_path), "--json"]) == 0
    out = capsys.readouterr().out
    assert json.loads(out)["state"] == "armed"
    assert status_from_json(out) == status


def test_an_agent_that_has_stopped_is_a_finding(tmp_path: Path) -> None:
    written(tmp_path, state="stopped")
    assert main(["status", "--state", str(tmp_path)]) == 1


def test_the_age_of_a_status_counts_within_one_boot_only() -> None:
    assert age_of(STATUS, STATUS.now_ns + 3 * S, STATUS.boot_id) == 3.0
    assert age_of(STATUS, STATUS.now_ns + 3 * S, "another boot") is None
    assert age_of(STATUS, STATUS.now_ns - 1, STATUS.boot_id) is None


def test_a_second_agent_is_kept_out_of_the_state_folder(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(EdgeAgentError, match=rf"another agent \(process {os.getpid()}\) uses this state folder"):
        StateFolder(tmp_path)
    del first


def test_the_key_of_the_box_is_made_once_for_its_user_only_and_a_damaged_one_is_kept_aside(tmp_path: Path) -> None:
    folder = StateFolder(tmp_path)
    key, aside = folder.record_key()
    assert aside is None
    assert (tmp_path / "record.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "record.key").chmod(0o644)
    assert folder.record_key()[0].public == key.public
    assert (tmp_path / "record.key").stat().st_mode & 0o777 == 0o600
    (tmp_path / "record.key").write_text("abc\n", encoding="ascii")
    other, aside = folder.record_key()
    assert other.public != key.public
    assert aside is not None
    assert aside.read_text(encoding="ascii") == "abc\n"


@pytest.mark.parametrize(
    ("boot", "state", "cause"),
    [
        ("b", "stopped", "started again after a clean stop"),
        ("b", "armed", "started again after a crash"),
        ("a", "armed", "power-up of the box"),
    ],
)
def test_the_cause_of_a_start_is_read_from_the_last_status(tmp_path: Path, boot: str, state: str, cause: str) -> None:
    StateFolder(tmp_path).write_status(with_changes(STATUS, boot_id="b", state=state))
    assert StateFolder(tmp_path).start_cause(boot) == cause


def test_the_first_start_knows_no_cause(tmp_path: Path) -> None:
    assert StateFolder(tmp_path).start_cause("b") == "first start, or the last status is gone"


def test_the_status_can_live_in_memory_behind_a_link(tmp_path: Path) -> None:
    state, volatile = tmp_path / "state", tmp_path / "run"
    volatile.mkdir()
    for _ in range(2):
        folder = StateFolder(state, volatile)
        folder.write_status(STATUS)
        assert (state / "status.json").is_symlink()
        assert status_from_json((volatile / "status.json").read_text(encoding="utf-8")) == STATUS
        del folder


def test_a_state_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(EdgeAgentError, match="the state folder cannot be used"):
        StateFolder(tmp_path / "file" / "state")
