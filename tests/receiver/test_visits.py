"""Visits and commissionings at the receiver: accepted, shown on the lift page, and a report held against its record."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from calibration.report import content_of
from edge_agent.alarms import DoorState, Evidence, Place
from edge_agent.checklist import DEFAULT, load_checklist
from edge_agent.records import draft_of_commissioning, draft_of_visit
from edge_agent.report_seal import open_report, sealed_text
from edge_agent.toml_checklist import bits_of
from edge_agent.wire import Commissioned, Record, Verdict, Visit, VisitAct
from edge_agent.wire_sealing import SigningKey
from receiver.cli import main
from receiver.visit_view import visit_tree, visits_of
from tests.calibration.report_material import acceptance
from tests.page.material import LIFT_NO, Log, record_of
from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import DEVICE, KEY, NOW_MS, identity

LIST = load_checklist(DEFAULT)
UP_MS = 600_000


def visit(seqno: int, number: int, act: VisitAct, up_ms: int = UP_MS, *, items: bytes = LIST.digest) -> Record:
    is_end = act is VisitAct.FINISHED
    told = Visit(number, act, 0 if act is VisitAct.STARTED else 2_400, "王建国", items)
    if is_end:
        told = Visit(number, act, 2_400, "王建国", items, bits_of((1, 2, 9)), bits_of((9,)))
    signs = (Evidence("door_close_ms", 2_610), Evidence("door_open_ms", 1_870))
    draft = draft_of_visit(told, signs, "滚轮磨损 replaced" if is_end else "", Place(0, False, 0, DoorState.OPEN))
    return record_of(draft, seqno, up_ms)


def commissioned(seqno: int, digest: bytes) -> Record:
    return record_of(draft_of_commissioning(Commissioned(digest, 8, 1, 0, 1), "李娜"), seqno, UP_MS)


async def lift(far_end: FarEnd) -> dict[str, Any]:
    answer = await far_end.client.get(f"{far_end.url}/v1/boxes/{DEVICE.hex()}")
    assert answer.status == 200
    return dict(await answer.json())


def test_a_visit_and_a_commissioning_are_stored_and_shown_at_their_lift(tmp_path: Path) -> None:
    log = Log()

    async def story(far_end: FarEnd) -> None:
        records = [
            identity(1, LIFT_NO),
            commissioned(2, bytes(range(32))),
            visit(3, 1, VisitAct.STARTED),
            visit(4, 1, VisitAct.FINISHED, UP_MS + 2_400_000),
        ]
        receipt = await far_end.receipt(log.posted(*records, up_ms=UP_MS + 2_400_100))
        assert receipt.verdicts == (Verdict.STORED,) * 4
        shown = await lift(far_end)
        (made,) = shown["commissionings"]
        assert made == {
            "at_ms": made["at_ms"],
            "digest": bytes(range(32)).hex(),
            "passed": 8,
            "doubtful": 1,
            "failed": 0,
            "skipped": 1,
            "note": "by 李娜",
        }
        (only,) = shown["visits"]
        assert (only["number"], only["person"], only["state"], only["lasted_s"]) == (1, "王建国", "finished", 2_400)
        assert abs(only["ended_ms"] - only["started_ms"] - 2_400_000) < 1_000
        assert (only["done"], only["items"]) == ([1, 2, 9], len(LIST.items))
        assert only["faulty"] == [{"number": 9, "en": LIST.items[8][0], "zh": LIST.items[8][1]}]
        assert only["remark"] == "滚轮磨损 replaced"
        assert only["before"] == [
            {"name": "door", "value": 2.61, "unit": "s"},
            {"name": "door_open", "value": 1.87, "unit": "s"},
        ]
        assert shown["incidents"] == []  # neither is an incident

    with_receiver(tmp_path, story)


def test_a_visit_under_way_and_a_forgotten_one_are_told_apart(tmp_path: Path) -> None:
    log = Log()

    async def story(far_end: FarEnd) -> None:
        records = [
            visit(1, 1, VisitAct.STARTED),
            visit(2, 1, VisitAct.FORGOTTEN, UP_MS + 1_000),
            visit(3, 2, VisitAct.STARTED, UP_MS + 2_000),
        ]
        await far_end.receipt(log.posted(*records, up_ms=UP_MS + 3_000))
        assert [(each["number"], each["state"]) for each in (await lift(far_end))["visits"]] == [
            (2, "under_way"),
            (1, "forgotten"),
        ]

    with_receiver(tmp_path, story)


def test_items_of_a_list_that_the_receiver_does_not_know_are_numbers() -> None:
    (view,) = visits_of([(visit(2, 1, VisitAct.FINISHED, items=bytes(8)), NOW_MS)])
    tree = visit_tree(view)
    assert (tree["items"], tree["checklist"], tree["started_ms"]) == (None, None, None)
    assert tree["faulty"] == [{"number": 9, "en": None, "zh": None}]


def test_a_visit_that_was_told_twice_is_one() -> None:
    told = [(visit(seqno, 1, act), NOW_MS + seqno) for seqno, act in ((4, VisitAct.FINISHED), (3, VisitAct.FINISHED))]
    (view,) = visits_of([*told, (visit(1, 1, VisitAct.STARTED), NOW_MS)])
    assert (view.ended_ms, view.started_ms) == (NOW_MS + 4, NOW_MS)


# ---- lift-receiver report


@pytest.fixture
def sealed(tmp_path: Path) -> Path:
    path = tmp_path / "report.sealed.txt"
    path.write_text(sealed_text(content_of(acceptance()), KEY), encoding="ascii")
    return path


def test_a_report_is_held_against_the_record_of_its_box(
    tmp_path: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = Log()
    digest = open_report(sealed.read_bytes()).digest

    async def first(far_end: FarEnd) -> None:
        await far_end.receipt(log.posted(commissioned(1, bytes(32)), up_ms=UP_MS + 100))

    async def second(far_end: FarEnd) -> None:
        await far_end.receipt(log.posted(commissioned(2, digest), up_ms=UP_MS + 200))

    data = tmp_path / "data"
    with_receiver(data, first)
    assert main(["report", str(sealed), "--data", str(data)]) == 1
    assert "no record 73" in capsys.readouterr().out
    with_receiver(data, second)
    assert main(["report", str(sealed), "--data", str(data)]) == 0
    assert digest.hex() in capsys.readouterr().out


def test_a_report_of_a_box_that_never_sent_or_that_was_altered_is_refused(
    tmp_path: Path, sealed: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"

    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(Log().posted(identity(1, LIFT_NO), up_ms=UP_MS))

    with_receiver(data, story)
    forged = tmp_path / "forged.txt"
    forged.write_text(sealed_text(content_of(acceptance()), SigningKey(bytes(32))), encoding="ascii")
    assert main(["report", str(forged), "--data", str(data)]) == 2
    assert "no box" in capsys.readouterr().err
    sealed.write_text(sealed.read_text(encoding="ascii").replace("seal: 0", "seal: 1", 1), encoding="ascii")
    assert main(["report", str(sealed), "--data", str(data)]) == 2
