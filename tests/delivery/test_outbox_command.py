"""`edge-agent outbox`: what it prints, what it finds wrong, and that it disturbs nobody."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.alarms import AlarmState
from edge_agent.records import draft_of_checkpoint
from edge_agent.wire import Checkpoint, Mark, Stamp, Stream, decode_record, digest
from tests.delivery.contents import NOW, append_stage, raise_alarm
from tests.delivery.making import MAIN, heartbeat, open_outbox


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    """An outbox with an incident, telemetry and a checkpoint, still open for writing."""
    outbox = open_outbox(tmp_path)
    raise_alarm(outbox, 1)
    append_stage(outbox, AlarmState.CLEARED, 1)
    outbox.append_many([(heartbeat(n), Stamp(1, n, 1_795_459_200_000, 40)) for n in range(5)])
    outbox.append(draft_of_checkpoint(Checkpoint(outbox.heads(), 7)), NOW)
    outbox.acknowledge(MAIN, [Mark(Stream.TELEMETRY, 3)])
    return tmp_path / "outbox.db"


def test_the_list_tells_what_each_receiver_has(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "list", "--outbox", str(filled), "--newest", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "box a1b2c3d4e5f60718, log 11, boot 1"
    assert lines[1].startswith("alarm: numbers up to 2, 2 kept, ")
    assert lines[1].endswith("main has them up to 0")
    assert "entrapment, condition gone of incident 1" in lines[3]
    assert "telemetry: numbers up to 5, 5 kept" in "\n".join(lines)
    assert "main has them up to 3" in "\n".join(lines)
    assert lines[-1] == "diagnostics: nothing yet"


def test_a_record_is_shown_with_every_field_and_its_bytes(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "show", "--outbox", str(filled), "telemetry", "4"]) == 0
    shown = capsys.readouterr().out
    assert "Unix 1795459200.000 s +-40 ms" in shown
    body = bytes.fromhex(shown.split("bytes: ")[-1].strip())
    assert decode_record(body).seqno == 4
    assert main(["outbox", "show", "--outbox", str(filled), "alarm", "99"]) == 1
    assert "no number 99" in capsys.readouterr().err


def test_a_whole_chain_is_called_so(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "verify", "--outbox", str(filled)]) == 0
    assert capsys.readouterr().out == "Whole: 2 alarm, 1 fault, 5 telemetry, 0 diagnostics records of log 11\n"


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE rec SET body = zeroblob(60) WHERE stream = 2 AND seq = 3", "stream 2 number 3: its bytes are damaged"),
        ("UPDATE head SET hash = zeroblob(32) WHERE stream = 0", "stream 0: its newest record is not the one"),
        ("DELETE FROM rec WHERE stream = 2 AND seq = 5", "stream 2: its newest record is not the one"),
    ],
)
def test_what_is_wrong_is_named(
    filled: Path, statement: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    database = sqlite3.connect(filled)
    database.execute(statement)
    database.commit()
    database.close()
    assert main(["outbox", "verify", "--outbox", str(filled)]) == 1
    said = capsys.readouterr().out
    assert complaint in said
    assert "NOT whole" in said


def test_a_record_that_was_exchanged_with_its_digest_breaks_the_chain_and_the_checkpoint(
    filled: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = open_outbox(tmp_path / "other")
    other.append_many([(heartbeat(n + 50), NOW) for n in range(5)])
    forged = other.pending(MAIN, (Stream.TELEMETRY,), 10, 10_000)
    database = sqlite3.connect(filled)
    for record in (forged[1], forged[4]):
        database.execute(
            "UPDATE rec SET body = ?, digest8 = ? WHERE stream = 2 AND seq = ?",
            (record.body, digest(record.body)[:8], record.seqno),
        )
    database.commit()
    database.close()
    assert main(["outbox", "verify", "--outbox", str(filled)]) == 1
    said = capsys.readouterr().out
    assert "stream 2 number 3: does not follow the record before it" in said
    assert "checkpoint 1: names another record as stream 2 number 5" in said


def test_the_export_has_every_record(filled: Path, tmp_path: Path) -> None:
    assert main(["outbox", "export", "--outbox", str(filled), "--to", str(tmp_path / "out.jsonl")]) == 0
    lines = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(line["stream"], line["number"]) for line in lines] == [
        ("alarm", 1),
        ("alarm", 2),
        ("fault", 1),
        *(("telemetry", n) for n in range(1, 6)),
    ]
    assert all(decode_record(bytes.fromhex(line["bytes"])).kind == line["kind"] for line in lines)


def test_no_outbox_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["outbox", "list", "--outbox", str(tmp_path / "absent")]) == 3
    assert "there is no outbox" in capsys.readouterr().err
