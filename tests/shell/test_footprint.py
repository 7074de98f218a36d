"""What a running agent leaves on the machine: no open port, no file outside its folder, bounded memory; and that its
outbox can be looked at from beside. Source: wire and delivery design, section 7.4, item 15.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.shell.test_process import CONFIG, ROOT, Running, free_port

pytestmark = pytest.mark.system

RSS_MIB_MAX = 120.0
LISTENING = "0A"  # Source: Linux include/net/tcp_states.h, as /proc/net/tcp has it


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[Running]:
    config = tmp_path / "box.toml"
    config.write_text(CONFIG.format(folder=tmp_path, port=free_port()), encoding="utf-8")
    running = Running(config)
    running.wait_for(b"WATCHDOG=1")
    yield running
    running.end()


def descriptors(pid: int) -> Iterator[tuple[str, int]]:
    """What each open descriptor is, and how it was opened."""
    for link in Path(f"/proc/{pid}/fd").iterdir():
        try:
            target = os.readlink(link)
            flags = Path(f"/proc/{pid}/fdinfo/{link.name}").read_text(encoding="ascii")
        except FileNotFoundError:
            continue
        yield target, int(flags.split("flags:")[1].split()[0], 8)


def test_nothing_listens_and_nothing_is_written_outside_its_folder(agent: Running) -> None:
    pid = agent.process.pid
    found = dict(descriptors(pid))
    inodes = {target.removeprefix("socket:[").rstrip("]") for target in found if target.startswith("socket:[")}
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        lines = Path(f"/proc/{pid}/net/{table}").read_text(encoding="ascii").splitlines()[1:]
        rows = [line.split() for line in lines]
        listening += [row[1] for row in rows if row[9] in inodes and (row[3] == LISTENING or table.startswith("udp"))]
    assert listening == []
    written = [target for target, flags in found.items() if target.startswith("/") and flags & os.O_ACCMODE]
    assert any(target.endswith("outbox.sqlite") for target in written)
    inherited = os.readlink("/proc/self/fd/1")  # where this test says its results
    allowed = (str(agent.state), "/dev/", inherited)
    assert [target for target in written if not target.startswith(allowed)] == []


def test_it_stays_below_120_mib(agent: Running) -> None:
    status = Path(f"/proc/{agent.process.pid}/status").read_text(encoding="utf-8")
    peak_kib = int(status.split("VmHWM:")[1].split()[0])
    assert peak_kib / 1024 < RSS_MIB_MAX


@pytest.fixture
def outbox(agent: Running) -> Callable[..., subprocess.CompletedProcess[str]]:
    def command(*words: str) -> subprocess.CompletedProcess[str]:
        config = str(agent.state.parent / "box.toml")
        asked = [sys.executable, "-m", "edge_agent", "outbox", words[0], "--config", config, *words[1:]]
        return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, timeout=60.0, check=False)

    return command


def test_the_outbox_of_a_running_agent_is_listed_shown_verified_and_exported(
    outbox: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    listed, shown, verified, exported = (
        outbox(*words) for words in (("list",), ("show", "fault", "1"), ("verify",), ("export",))
    )
    for done in (listed, shown, verified, exported):
        assert done.returncode == 0, done.stderr
    assert "fault: numbers up to" in listed.stdout
    assert "name: started" in shown.stdout
    assert verified.stdout.startswith("Whole: ")
    assert '"name": "started"' in exported.stdout
