"""The units of the installer's page: in the package, off, as narrow as the agent's, at loopback by default."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "systemd").glob("lift-edge-page*"))
AGENT = (ROOT / "packaging/debian/lift-edge-agent.service").read_text(encoding="utf-8")
PAGE = (ROOT / "systemd/lift-edge-page.service").read_text(encoding="utf-8")
PUTTING = (ROOT / "systemd/lift-edge-page-settings.service").read_text(encoding="utf-8")
FENCE = re.compile(
    r"^((?:Protect|Restrict|Private|System|Capability|Ambient|NoNew|Lock|MemoryDeny|Device|Remove)\w+=.*)$",
    re.MULTILINE,
)


def test_each_unit_is_in_the_package() -> None:
    build = (ROOT / "packaging/build.py").read_text(encoding="utf-8")
    assert len(UNITS) == 4
    assert all(f'"{unit.name}"' in build for unit in UNITS)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_nothing_switches_it_on(unit: Path) -> None:
    """No [Install]: `systemctl enable` has nothing to do; and no script of the package starts it."""
    assert "[Install]" not in unit.read_text(encoding="utf-8")
    for script in ("postinst", "prerm", "postrm"):
        text = (ROOT / "packaging/debian" / script).read_text(encoding="utf-8")
        assert not re.search(rf"systemctl[^\n]*\b(?:start|restart|enable)\b[^\n]*{unit.stem}\b", text)


def test_the_page_is_fenced_in_as_the_agent_is() -> None:
    missing = [line for line in FENCE.findall(AGENT) if line not in FENCE.findall(PAGE)]
    assert missing == []
    assert "SocketBindDeny=any" in PAGE
    assert "User=lift-edge-agent" in PAGE
    assert "DynamicUser=yes" in PAGE


def test_it_listens_at_loopback_unless_a_person_says_otherwise_and_ends_in_time() -> None:
    assert re.findall(r"PAGE_ADDRESS=(\S+)", re.sub(r"(?m)^#.*$", "", PAGE)) == ["127.0.0.1"]
    assert "RuntimeMaxSec=1900" in PAGE
    socket = (ROOT / "systemd/lift-edge-page.socket").read_text(encoding="utf-8")
    assert re.findall(r"(?m)^ListenStream=(.*)$", socket) == ["127.0.0.1:8089"]


def test_what_may_write_the_settings_has_no_network_and_writes_in_two_places() -> None:
    assert "PrivateNetwork=yes" in PUTTING
    assert re.findall(r"(?m)^ReadWritePaths=(.*)$", PUTTING) == [
        "/etc/lift-edge-agent -/var/lib/private/lift-edge-agent"
    ]
    assert re.findall(r"(?m)^CapabilityBoundingSet=(.*)$", PUTTING) == ["CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH"]
