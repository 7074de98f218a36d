"""A calibration with sources, recordings and settings file together: nothing is lost, nothing is written unasked."""

from __future__ import annotations

import select
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from calibration.capture import LiveCapture
from calibration.fits import FITS
from calibration.guided import Guided, Identity, Proposal, write_installation
from calibration.guided_store import CalibrationFolder
from calibration.session import Session, StepCapture
from calibration.session_tells import Found, Stored
from calibration.words import CalibrationError, StepName, Verdict, said
from edge_agent.clock import SystemClock
from edge_agent.errors import SourceUnavailable
from edge_agent.readings import AccelFrame, FaultReason, Reading, SignalEdge
from edge_agent.source import Source
from tests.calibration.captures import Site, pieces, played, settings_of, settings_text

SITE = Site()
SETTINGS = settings_of(settings_text(played(SITE)))


class Played:
    """A source that gives what it is told, at once, stamped so that it has just come."""

    has_ended = False

    def __init__(self, name: str, batches: Sequence[Sequence[Reading]]) -> None:
        self.name = name
        self._batches = list(batches)

    def open(self) -> None:
        """Ready."""

    def read(self, timeout_s: float) -> Sequence[Reading]:
        if self._batches:
            return self._batches.pop(0)
        select.select([], [], [], min(timeout_s, 0.02))
        return ()

    def close(self) -> None:
        """Gone."""


class Missing(Played):
    """A chip that does not answer."""

    def open(self) -> None:
        raise SourceUnavailable("nothing answers", subject="i2c 0x53", hint="Check the wires")


class Broken(Played):
    """A driver with a mistake in it."""

    def read(self, timeout_s: float) -> Sequence[Reading]:
        raise ZeroDivisionError("a mistake")


class Tools:
    """A receiver that stores everything, and settings that are always right."""

    def send_test_alarm(self, tell: Callable[[Stored], None], is_over: Callable[[], bool]) -> None:
        tell(Stored("firm", True, 0.2))

    def check(self, text: str, file_name: str) -> None:
        settings_of(text, file_name)


class Bench:
    """A guided calibration of given sources."""

    def __init__(
        self, folder: Path, *sources: Source, probe: Callable[[str], Sequence[str]] = lambda _source: ()
    ) -> None:
        self.config = folder / "box.toml"
        self.config.write_text(settings_text(played(SITE)), encoding="utf-8")
        self.folder = CalibrationFolder(folder / "state" / "calibration")
        self.now_ns = SystemClock().now_ns()
        self.capture = LiveCapture(sources, lambda: self.now_ns, probe)
        identity = Identity("00ff", "0.1.0", lambda: 1_700_000_000)
        session = Session(SETTINGS, FITS)
        self.guided = Guided(session, SETTINGS, self.config, self.folder, self.capture, identity, Tools())

    def turn_until(self, is_so: Callable[[], bool]) -> None:
        for _ in range(400):
            self.guided.turn()
            if is_so():
                return
            select.select([], [], [], 0.02)
        raise AssertionError("it did not come to that")


@pytest.fixture
def benches() -> Iterator[list[Bench]]:
    made: list[Bench] = []
    yield made
    for bench in made:
        bench.guided.close()


def test_a_step_is_judged_by_its_recording_which_is_kept(tmp_path: Path, benches: list[Bench]) -> None:
    source = Played("accelerometer", ())
    bench = Bench(tmp_path, source)
    benches.append(bench)
    frames = [each for each in pieces(SITE)[StepName.NOISE] if isinstance(each, AccelFrame)]
    bench.now_ns = frames[0].t_ns
    bench.guided.begin(StepName.NOISE)
    source._batches += [[frame] for frame in frames]
    bench.turn_until(lambda: not source._batches)
    bench.now_ns = frames[-1].t_ns + 5_000_000_000
    bench.turn_until(lambda: bench.guided.session.live().lacks is None)
    result = bench.guided.finish()
    assert result.verdict is Verdict.PASSED
    assert result.recording == "noise.liftrec"
    kept = bench.folder.load()
    assert kept is not None
    assert kept.results == (result,)
    again = FITS[StepName.NOISE](StepCapture(bench.folder.readings(StepName.NOISE), (), SETTINGS))
    assert again.measured == result.measured


def test_a_step_begins_with_the_last_word_of_each_line(tmp_path: Path, benches: list[Bench]) -> None:
    edges = [each for each in pieces(SITE)[StepName.DOORS] if isinstance(each, SignalEdge)]
    known = {each.signal for each in edges}
    source = Played(
        "door_contacts", [[SignalEdge(SystemClock().now_ns() - 9_000_000_000, signal, True) for signal in known]]
    )
    bench = Bench(tmp_path, source)
    benches.append(bench)
    bench.turn_until(lambda: len(bench.guided._levels) == len(known))
    bench.guided.begin(StepName.DOORS)
    bench.now_ns += 3_000_000_000
    first: list[Reading] = []
    for _ in range(200):
        first += bench.guided.turn()
        if first:
            break
        select.select([], [], [], 0.02)
    told = [each for each in first if isinstance(each, SignalEdge)]
    assert {each.signal for each in told} == known
    assert {each.t_ns for each in told} == {first[0].t_ns}


def test_a_chip_that_is_missing_is_told_with_what_answers_instead(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path, Missing("accelerometer", ()), probe=lambda source: ("0x1d",))
    benches.append(bench)
    bench.guided.begin(StepName.WIRING)
    bench.turn_until(lambda: bool(bench.guided.session.told()))
    assert bench.guided.session.told()[0].finding == Found(
        "accelerometer", 0, FaultReason.ABSENT, "i2c 0x53: nothing answers", "Check the wires", ("0x1d",)
    )


def taken_until_it_ends(capture: LiveCapture) -> None:
    for _ in range(200):
        capture.take()
        select.select([], [], [], 0.02)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_mistake_in_a_driver_is_not_taken_for_a_missing_chip(tmp_path: Path) -> None:
    capture = LiveCapture([Broken("accelerometer", ())], SystemClock().now_ns)
    with pytest.raises(ZeroDivisionError):
        taken_until_it_ends(capture)
    capture.close()


def test_the_test_alarm_is_sent_when_its_step_begins(tmp_path: Path, benches: list[Bench]) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    bench.guided.begin(StepName.TEST_ALARM)
    bench.turn_until(lambda: bench.guided.session.live().lacks is None)
    assert bench.guided.finish().verdict is Verdict.PASSED
    assert [told.finding for told in bench.folder.told(StepName.TEST_ALARM)] == [Stored("firm", True, 0.2)]


def test_a_step_that_is_left_leaves_no_file_and_one_left_out_is_written_down(
    tmp_path: Path, benches: list[Bench]
) -> None:
    bench = Bench(tmp_path, Played("controller", ()))
    benches.append(bench)
    bench.guided.begin(StepName.CONTROLLER)
    bench.guided.leave()
    assert list(bench.folder.path.iterdir()) == []
    bench.guided.begin(StepName.CONTROLLER)
    bench.guided.skip(StepName.CONTROLLER, said("skip.asked"))
    kept = bench.folder.load()
    assert kept is not None
    assert kept.results[0].reasons == (said("skip.asked"),)


def test_settings_are_written_only_when_accepted_and_never_over_the_change_of_another(
    tmp_path: Path, benches: list[Bench]
) -> None:
    bench = Bench(tmp_path)
    benches.append(bench)
    before = bench.config.read_text(encoding="utf-8")
    proposal = bench.guided.proposal((("lift.rated_speed_mps", "1.6"),))
    assert [line for line in proposal.diff if line.startswith("+r")] == ["+rated_speed_mps = 1.6"]
    assert bench.config.read_text(encoding="utf-8") == before
    bench.config.write_text(before + "# mine\n", encoding="utf-8")
    with pytest.raises(CalibrationError, match="meanwhile"):
        bench.guided.accept(proposal)
    bench.guided.accept(bench.guided.proposal((("lift.rated_speed_mps", "1.6"),)))
    assert settings_of(bench.config.read_text(encoding="utf-8")).lift.rated_speed_mps == 1.6


def test_a_settings_file_that_cannot_be_written_stands_as_it_was(tmp_path: Path) -> None:
    folder = tmp_path / "etc"
    folder.mkdir()
    path = folder / "box.toml"
    path.write_text("a = 1\n", encoding="utf-8")
    (folder / ".box.toml.new").mkdir()
    (folder / ".box.toml.new" / "x").touch()  # nothing can be written beside it
    with pytest.raises(CalibrationError, match="still stands"):
        write_installation(Proposal(path, "a = 1\n", "a = 2\n"))
    assert path.read_text(encoding="utf-8") == "a = 1\n"
