"""What root leaves in the folder of another user can be read by that user, and no link leads root astray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from edge_agent.request_drop import RequestDrop, give_to_owner

AGENT = 61_234
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    folder.mkdir()
    if os.geteuid() == 0:
        os.chown(folder, AGENT, AGENT)
    return folder


def test_a_request_is_whole_when_it_has_its_name_and_an_answer_is_fetched_once(state: Path) -> None:
    with RequestDrop(state, "requests") as drop:
        drop.leave("a.ask", "words")
        assert [path.name for path in (state / "requests").iterdir()] == ["a.ask"]
        assert drop.fetch("a.answer") is None
        assert drop.fetch("a.ask") == "words"
        assert drop.fetch("a.ask") is None
        drop.remove("a.ask")


@as_root
def test_the_agents_user_owns_what_root_leaves(state: Path) -> None:
    for _ in range(2):
        with RequestDrop(state, "requests") as drop:
            drop.leave("a.ask", "words")
    for path in (state / "requests", state / "requests/a.ask"):
        assert (path.stat().st_uid, path.stat().st_gid, path.stat().st_mode & 0o077) == (AGENT, AGENT, 0)


@as_root
def test_a_folder_that_is_a_link_is_refused(state: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc"
    elsewhere.mkdir()
    (state / "requests").symlink_to(elsewhere)
    with pytest.raises(NotADirectoryError):
        RequestDrop(state, "requests")
    assert (elsewhere.stat().st_uid, list(elsewhere.iterdir())) == (0, [])


@as_root
def test_an_answer_that_is_a_link_is_not_read(state: Path, tmp_path: Path) -> None:
    (tmp_path / "shadow").write_text("secret", encoding="ascii")
    with RequestDrop(state, "requests") as drop:
        (state / "requests/a.answer").symlink_to(tmp_path / "shadow")
        with pytest.raises(OSError, match="symbolic links"):
            drop.fetch("a.answer")


@as_root
def test_what_root_wrote_is_given_to_the_owner_and_what_links_lead_to_is_not(state: Path, tmp_path: Path) -> None:
    (state / "enrolment").mkdir()
    (state / "enrolment/box.pem").write_text("key", encoding="ascii")
    (tmp_path / "root-owned").write_text("x", encoding="ascii")
    (state / "link").symlink_to(tmp_path / "root-owned")
    give_to_owner(state)
    assert {(state / name).stat().st_uid for name in ("enrolment", "enrolment/box.pem")} == {AGENT}
    assert (tmp_path / "root-owned").stat().st_uid == 0


@as_root
def test_the_state_folder_of_a_service_is_reached_through_its_link(state: Path, tmp_path: Path) -> None:
    """/var/lib/lift-edge-agent leads to /var/lib/private/lift-edge-agent."""
    (tmp_path / "var").symlink_to(state)
    (state / "page.pin").write_text("12345678", encoding="ascii")
    give_to_owner(tmp_path / "var")
    assert (state / "page.pin").stat().st_uid == AGENT
