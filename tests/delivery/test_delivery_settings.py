"""The section [delivery]: whom the box believes, and how it reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

import pytest

from edge_agent.settings import DeliverySettings
from edge_agent.settings_delivery import delivery_from, is_loopback
from edge_agent.toml_table import ProblemList, TomlTable
from edge_agent.wire_sealing import SigningKey

KEY = SigningKey(bytes(32)).public.text


def read(*receivers: Mapping[str, object], **more: object) -> tuple[DeliverySettings, list[str]]:
    problems = ProblemList("box.toml", {})
    table = TomlTable({"receivers": list(receivers), **more}, ("delivery",), problems)
    return delivery_from(table, PurePath("/etc/lift"), PurePath("/state")), [
        error.problem for error in problems.in_order_of_lines()
    ]


def test_a_receiver_far_away_must_be_pinned_or_be_said_to_be_on_a_closed_network() -> None:
    far = {"name": "firm", "url": "https://firm.example:8443"}
    assert "not pinned" in read(far)[1][0]
    for key in (KEY, "none"):
        settings, problems = read({**far, "receiver_key": key})
        assert problems == []
        assert settings.receivers[0].key == key
    assert "cannot be used" in read({**far, "receiver_key": "abc"})[1][0]
    assert "no point of its curve" in read({**far, "receiver_key": "A" * 44})[1][0]


def test_on_this_machine_no_key_is_asked_for() -> None:
    for host in ("127.0.0.1", "localhost:80", "[::1]:8080"):
        assert is_loopback(f"http://{host}")
        assert read({"name": "firm", "url": f"http://{host}"})[1] == []
    for host in ("127.0.0.1.example", "localhost.example", "10.0.0.1", "[::2]"):
        assert not is_loopback(f"http://{host}")


@pytest.mark.parametrize("url", ["mqtt://127.0.0.1:1883", "mqtts://broker.example"])
def test_over_a_broker_the_key_is_always_needed(url: str) -> None:
    assert "over a broker" in read({"name": "firm", "url": url})[1][0]
    assert "over a broker" in read({"name": "firm", "url": url, "receiver_key": "none"})[1][0]
    assert read({"name": "firm", "url": url, "receiver_key": KEY})[1] == []


def test_files_are_sought_beside_the_settings_and_somebody_must_hear_first() -> None:
    here = {"name": "firm", "url": "http://127.0.0.1", "ca": "ca.pem", "secret_file": "/run/secret"}
    settings, problems = read(here, outbox="o.db")
    assert problems == []
    assert (settings.outbox, settings.receivers[0].ca) == (PurePath("/etc/lift/o.db"), PurePath("/etc/lift/ca.pem"))
    assert settings.receivers[0].secret_file == PurePath("/run/secret")
    assert read(here)[0].outbox == PurePath("/state/outbox.sqlite")
    assert read({**here, "standby": True})[1] == ["every receiver is a stand-by"]
    settings, problems = read(here, {"name": "station", "url": "http://127.0.0.1:81", "standby": True})
    assert problems == []
    assert [receiver.is_standby for receiver in settings.receivers] == [False, True]
