"""SenML packs: resolved by the rules of RFC 8428 in this file, they say what the records say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_agent.wire import Measure, Measured, Phase, Record, Stamp, Stream, SystemKind, WirePlace
from receiver.adapters.senml import SENML, UNITS, pack_of_record, senml_text
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, LINK, LOG, NOW_MS, alarm, body, identity

# Source: RFC 8428 table 1 and RFC 8798 section 2, primary units that occur here.
REGISTERED = {"m", "m/s", "m/s2", "s", "V", "Cel", "dB", "dBW", "B", "count", "/"}
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")


def resolved(pack: list[dict[str, Any]]) -> list[tuple[str, float, object, str | None]]:
    """Name, time, value, unit of each record. Source: RFC 8428 section 4.6."""
    base_name, base_time, found = "", 0.0, []
    for row in pack:
        assert not set(row) - {"bn", "bt", "n", "u", "v", "vs", "vb"}
        base_name, base_time = row.get("bn", base_name), row.get("bt", base_time)
        values = [row[key] for key in ("v", "vs", "vb") if key in row]
        assert len(values) == 1
        name, at = base_name + row["n"], base_time + row.get("t", 0)
        assert NAME.fullmatch(name), name
        assert at >= 1 << 28, "a time below 2^28 would be relative to now"
        assert row.get("u", "m") in REGISTERED
        found.append((name, at, values[0], row.get("u")))
    return found


def test_an_alarm_says_where_what_and_how_likely() -> None:
    said = {
        name.partition("/")[2]: (value, unit) for name, _, value, unit in resolved(pack_of_record(alarm(1), NOW_MS))
    }
    assert said["record"] == (f"{LOG}-0-1", None)
    assert (said["kind"], said["phase"], said["car_door"]) == ((1, None), ("raised", None), ("closed", None))
    assert (said["landing"], said["height"], said["moving"]) == ((4, None), (13.48, "m"), ("none", None))
    assert (said["occupied"], said["still"]) == ((0.93, "/"), (62, "s"))


def test_every_measure_has_a_registered_unit_or_says_its_own_in_its_name() -> None:
    assert set(UNITS) == set(Measure)
    for name, unit, _, _ in UNITS.values():
        assert (unit in REGISTERED) if unit is not None else name.endswith("_mps3")


@given(
    st.lists(
        st.tuples(st.sampled_from(list(Measure)), st.integers(-(1 << 31), 1 << 31)), unique_by=lambda each: each[0]
    ),
    st.one_of(st.none(), st.integers(1 << 39, 1 << 42)),
)
def test_any_record_is_a_whole_pack(measures: list[tuple[Measure, int]], wall_ms: int | None) -> None:
    stamp = Stamp(1, 5, wall_ms, None if wall_ms is None else 9)
    values = tuple(Measured(measure, value) for measure, value in sorted(measures))
    record = Record(
        DEVICE, LOG, Stream.TELEMETRY, 7, SystemKind.HEARTBEAT, stamp, LINK, place=WirePlace(), measures=values
    )
    pack = json.loads(senml_text(pack_of_record(record, NOW_MS)))
    found = resolved(pack)
    assert len(found) == 2 + len(values)
    at_s = (NOW_MS if wall_ms is None else wall_ms) / 1000
    assert {at for _, at, _, _ in found} == {at_s}


def test_the_feed_and_a_box_can_be_had_as_senml(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1), alarm(1), alarm(2, phase=Phase.UPDATED, incident=1)))
        await far_end.tell(f"{DEVICE.hex()}-{LOG}-0-1", {"act": "taken_over", "who": "Li"})
        answer = await far_end.client.get(f"{far_end.url}/v1/feed?format=senml")
        assert answer.content_type == SENML
        assert answer.headers["Lift-Next"] == "4"
        found = resolved(json.loads(await answer.read()))
        assert sum(name.endswith("/record") for name, _, _, _ in found) == 3
        by_type = await far_end.client.get(f"{far_end.url}/v1/feed?after=4", headers={"Accept": SENML})
        assert (by_type.content_type, await by_type.text()) == (SENML, "[]")
        box = await far_end.client.get(f"{far_end.url}/v1/boxes/{DEVICE.hex()}?format=senml")
        assert box.content_type == SENML
        said = {name.partition("/")[2]: value for name, _, value, _ in resolved(json.loads(await box.read()))}
        assert said["open_incidents"] == 1
        for path in ("feed", f"boxes/{DEVICE.hex()}"):
            wrong = await far_end.client.get(f"{far_end.url}/v1/{path}?format=xml")
            assert wrong.status == 400

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("path", ["feed", "boxes/{}"])
def test_without_being_asked_nothing_is_senml(tmp_path: Path, path: str) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        answer = await far_end.client.get(f"{far_end.url}/v1/{path.format(DEVICE.hex())}")
        assert answer.content_type != SENML

    with_receiver(tmp_path, story)
