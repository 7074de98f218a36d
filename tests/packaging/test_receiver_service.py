"""The receiver as service and container: what its unit allows, and that all that its container file names is there."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from receiver.cli import main
from tests.receiver.test_command import receiver

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd" / "lift-receiver.service"
CONTAINER = ROOT / "packaging" / "receiver" / "Containerfile"
PROGRAM = "/opt/lift-receiver/bin/lift-receiver"
EXPOSURE_MAX = 2.0

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def steps() -> list[tuple[str, str]]:
    """The instructions of the container file in order, each with its words."""
    whole = re.sub(r"\\\n\s*", " ", re.sub(r"^#.*\n", "", CONTAINER.read_text(), flags=re.MULTILINE))
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def words_of(name: str) -> list[str]:
    return [rest for word, rest in steps() if word == name]


@needs_systemd
def test_the_unit_is_clean(tmp_path: Path) -> None:
    program = tmp_path / "lift-receiver"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace(PROGRAM, str(program)))
    found = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout + found.stderr) == (0, "")


@needs_systemd
def test_the_unit_exposes_little(tmp_path: Path) -> None:
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", str(UNIT)]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    level = re.search(r"exposure level for \S+: ([\d.]+)", found.stdout)
    assert level is not None, found.stdout + found.stderr
    assert float(level[1]) <= EXPOSURE_MAX


def test_the_unit_starts_what_the_command_line_understands(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = re.findall(r"^ExecStart=(.*)$", UNIT.read_text(), re.MULTILINE)
    program, *arguments = shlex.split(line.replace("$OPTIONS", "--port 70000"))
    assert program == PROGRAM
    with pytest.raises(SystemExit):
        main(arguments)
    assert "70000' is no port" in capsys.readouterr().err  # so far everything was understood
    (folder,) = re.findall(r"--data (\S+)", line)
    assert folder == f"/var/lib/{re.findall(r'^StateDirectory=(.*)$', UNIT.read_text(), re.MULTILINE)[0]}"


def test_everything_the_container_file_copies_is_there_and_nothing_that_is_installed_is_left_out() -> None:
    copied = {name for rest in words_of("COPY") if "--from" not in rest for name in rest.split()[:-1]}
    assert copied
    for name in copied:
        assert (ROOT / name).exists(), name
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {name.removesuffix("*") for name in project["tool"]["setuptools"]["packages"]["find"]["include"]}
    assert {*wanted, "pyproject.toml", project["project"]["readme"]} <= copied
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", "\n".join(words_of("RUN")))
    assert set(extras.split(",")) <= project["project"]["optional-dependencies"].keys()
    assert "lift-receiver" in project["project"]["scripts"]


def test_the_container_runs_as_nobody_special_keeps_its_data_and_stops_as_the_receiver_does() -> None:
    names = [name for name, _ in steps()]
    last = len(names) - 1 - names[::-1].index("FROM")
    user = names.index("USER")
    assert last < user < names.index("ENTRYPOINT")
    (made,) = re.findall(r"useradd --system --uid (\d+) --home-dir (\S+) (\S+)", "\n".join(words_of("RUN")))
    assert int(made[0]) > 0
    assert words_of("USER") == [made[2]]
    assert words_of("VOLUME") == [made[1]]
    assert f"XDG_DATA_HOME={made[1]}" in words_of("ENV")[0]
    assert words_of("STOPSIGNAL") == ["SIGTERM"]


def test_the_container_starts_what_the_command_line_understands(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(words_of("ENTRYPOINT")[0]) == ["lift-receiver"]
    with pytest.raises(SystemExit):
        main([*json.loads(words_of("CMD")[0]), "--port", "70000"])
    assert "70000' is no port" in capsys.readouterr().err


def test_its_health_check_is_well_where_a_receiver_runs_and_ill_where_none_does(tmp_path: Path) -> None:
    (rest,) = words_of("HEALTHCHECK")
    program, *arguments = json.loads(rest.partition(" CMD ")[2])
    assert program == "python"

    def checked(port: int) -> int:
        asked = [argument.replace(":8080/", f":{port}/") for argument in arguments]
        return subprocess.run([sys.executable, *asked], stderr=subprocess.DEVNULL, check=False).returncode

    with receiver(tmp_path) as (_, url):
        port = int(url.rpartition(":")[2])
        assert checked(port) == 0
    assert checked(port) != 0
