"""Backup, verify, export, and the first steps of a receiver, as a person gives the commands."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from edge_agent.wire import Act, Stream
from receiver.cli import main
from receiver.database import FILE_NAME, Place
from receiver.incidents import IncidentKey
from receiver.people import People
from receiver.roles import Role
from receiver.store import Store
from tests.receiver.making import DEVICE, LOG, NOW_MS, alarm, batch, chained, identity, known_to
from tests.receiver.postgresql import Cluster

KEY = IncidentKey(DEVICE, LOG, Stream.ALARM, 1)
LIFT = "31104403532019060007"


def filled(place: Place) -> str:
    """Records, an incident that was taken over; returns the receiver's key."""
    store = known_to(Store(place))
    store.take(batch(*chained(alarm(1), alarm(2), alarm(3)), identity(1)), NOW_MS)
    store.take_notice(KEY, Act.TAKEN_OVER, "Li", 15, NOW_MS)
    key = store.key.text
    store.close()
    return key


def at(place: Place) -> list[str]:
    """The option that names a place."""
    return ["--database", place] if isinstance(place, str) else ["--data", str(place)]


def test_a_backup_is_a_receiver_of_its_own_with_the_same_key(
    place: Place, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = filled(place)
    copy = tmp_path / "copy"
    assert main(["backup", str(copy), *at(place)]) == 0
    out = capsys.readouterr().out
    assert "4 records, 3 incidents checked" in out
    assert (copy / FILE_NAME).stat().st_mode & 0o077 == 0
    assert main(["key", "--data", str(copy)]) == 0
    assert capsys.readouterr().out.strip() == key
    store = Store(copy)
    receipt = store.take(batch(*chained(alarm(1), alarm(2), alarm(3), alarm(4))), NOW_MS)
    store.close()
    assert [int(verdict) for verdict in receipt.verdicts] == [1, 1, 1, 0]
    assert [notice.who for notice in receipt.notices] == ["Li"]
    assert main(["backup", str(copy), *at(place)]) == 2


@pytest.mark.system
def test_a_backup_moves_a_receiver_into_postgresql(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    key = filled(tmp_path)
    url = cluster.new_database()
    assert main(["init", "--from", str(tmp_path), "--database", url]) == 0
    assert f"key {key}" in capsys.readouterr().out
    assert main(["verify", "--database", url]) == 0
    assert main(["init", "--from", str(tmp_path), "--database", url]) == 2
    store = Store(url)
    assert store.take(batch(alarm(4)), NOW_MS).marks[0].upto == 4
    store.close()


@pytest.mark.parametrize(
    ("damage", "complaint"),
    [
        ("UPDATE record SET body = zeroblob(length(body)) WHERE seqno = 2", "not those that were stored"),
        ("UPDATE record SET seqno = 9 WHERE seqno = 3", "in the place of another"),
        ("UPDATE incident SET is_open = 0 WHERE seqno = 1", "not what its records say"),
        ("DELETE FROM journal WHERE position = 2", "the journal has 3 lines"),
        ("UPDATE record SET seal = (SELECT seal FROM record WHERE seqno = 1 AND stream = 0) WHERE seqno = 2", "record"),
    ],
)
def test_verify_finds_what_somebody_changed_in_the_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: str, complaint: str
) -> None:
    filled(tmp_path)
    assert main(["verify", "--data", str(tmp_path)]) == 0
    db = sqlite3.connect(tmp_path / FILE_NAME)
    db.execute(damage)
    db.commit()
    db.close()
    assert main(["verify", "--data", str(tmp_path)]) == 1
    assert complaint in capsys.readouterr().err


def test_everything_of_one_lift_can_be_given_away(tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    filled(tmp_path)
    assert main(["export", "lift", "--lift", LIFT, "--data", str(tmp_path)]) == 0
    lines = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert (lines[0]["type"], lines[0]["devices"]) == ("lift", [DEVICE.hex()])
    assert [line["type"] for line in lines[1:]] == ["record"] * 4 + ["notice"]
    out = tmp_path / "incidents.csv"
    assert main(["export", "incidents", "--out", str(out), "--data", str(tmp_path)]) == 0
    assert len(out.read_text().splitlines()) == 4
    assert main(["export", "incidents", "--out", str(out), "--data", str(tmp_path)]) == 2


def test_people_are_made_and_changed_by_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = iter(["four words make one\n"] * 3 + ["short\n"])

    class Input:
        """A pipe with passwords in it."""

        def isatty(self) -> bool:
            return False

        def readline(self) -> str:
            return next(given)

    monkeypatch.setattr("sys.stdin", Input())
    where = ["--data", str(tmp_path)]
    assert main(["init", "--admin", "root", "--password-stdin", *where]) == 0
    assert main(["user", "add", "li", "--role", "operator", "--shown", "Li Wei", *where]) == 0
    assert main(["user", "password", "li", *where]) == 0
    assert main(["user", "add", "wu", "--role", "viewer", *where]) == 2
    assert main(["user", "role", "li", "--role", "viewer", *where]) == 0
    assert main(["user", "remove", "root", *where]) == 2
    assert main(["user", "disable", "nobody", *where]) == 2
    capsys.readouterr()
    assert main(["user", "token", "li", "--label", "watch", *where]) == 0
    token = capsys.readouterr().out.strip()
    people = People(tmp_path)
    session = people.session(token, NOW_MS)
    people.close()
    assert session is not None
    assert (session.person.role, session.person.shown) == (Role.VIEWER, "Li Wei")
    assert main(["user", "list", *where]) == 0
    assert capsys.readouterr().out.splitlines() == ["li  viewer  Li Wei", "root  admin  root"]


def test_init_makes_the_folder_on_a_fresh_machine_and_says_where_it_may_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "new" / "folder"
    assert main(["init", "--data", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("key ")
    assert folder.stat().st_mode & 0o077 == 0
    (tmp_path / "file").write_text("")
    assert main(["init", "--data", str(tmp_path / "file" / "folder")]) == 2
    assert "may write" in capsys.readouterr().err


@pytest.mark.system
def test_verify_finds_what_somebody_changed_in_postgresql(cluster: Cluster, capsys: pytest.CaptureFixture[str]) -> None:
    url = cluster.new_database()
    filled(url)
    assert main(["verify", "--database", url]) == 0
    store = Store(url)
    store.change(lambda db: db.exec_driver_sql("UPDATE record SET body = ''::bytea WHERE seqno = 2"))
    store.close()
    assert main(["verify", "--database", url]) == 1
    assert "not those that were stored" in capsys.readouterr().err
