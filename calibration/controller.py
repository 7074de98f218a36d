"""The controller detective: which registers carry floor, direction, door, mode and fault. Pure.

In: a register log of a sweep and the recording made at the same time. Out: a proposed map with a confidence for each
word, "not found" where nothing proves itself. Nothing is polled here; `drivers/register_sweep.py` makes the log.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from calibration.controller_fields import Place, Register, registers_of
from calibration.controller_truth import Truth
from calibration.controller_words import CONFIDENCE_MIN, Candidate, best_of, candidates
from calibration.fit_result import result_of
from calibration.fit_samples import tidy
from calibration.words import Measured, Said, StepName, StepResult, Table, said
from drivers.register_map import Feed
from drivers.register_map_log import RegisterRead

WORDS = (Feed.FLOOR, Feed.DIRECTION, Feed.DOOR, Feed.MODE, Feed.FAULT)
READS_MIN = 30
RIVAL_GAP = 0.02


@dataclass(frozen=True, slots=True)
class Word:
    """One word. candidate None: not found, for the reason. others: further places that say the same."""

    feed: Feed
    candidate: Candidate | None
    others: tuple[Candidate, ...]
    reason: Said | None

    @property
    def confidence(self) -> float:
        """0 where it was not found."""
        return 0.0 if self.candidate is None else self.candidate.confidence


@dataclass(frozen=True, slots=True)
class Detected:
    """What was found. steady: registers that never changed and are not 0, for a canary."""

    words: tuple[Word, ...]
    steady: tuple[tuple[str, int], ...]
    register_count: int
    changing_count: int
    problems: tuple[Said, ...]

    def word(self, feed: Feed) -> Word:
        """Of one value."""
        return next(word for word in self.words if word.feed is feed)


def detect(reads: Sequence[RegisterRead], truth: Truth) -> Detected:
    """Look for the words in a log that was made during the recording of which `truth` speaks."""
    registers = registers_of(reads)
    changing = [register for register in registers if register.changing]
    problems: list[Said] = []
    if not registers:
        problems.append(said("controller.no_registers"))
    elif max(len(register.words) for register in registers) < READS_MIN:
        problems.append(said("controller.log_short", reads=max(len(r.words) for r in registers), needed=READS_MIN))
    elif not changing:
        problems.append(said("controller.nothing_changes", registers=len(registers)))
    found = [] if problems else [one for register in changing for one in candidates(register, truth)]
    best = best_of(found)
    return Detected(_words(best, truth), _steady(registers), len(registers), len(changing), tuple(problems))


def _words(best: Mapping[Feed, Sequence[Candidate]], truth: Truth) -> tuple[Word, ...]:
    """In the order of `WORDS`; bits that an earlier word has are no other's: a map with both could not be read."""
    words: list[Word] = []
    taken: list[Place] = []
    for feed in WORDS:
        free = [one for one in best.get(feed, ()) if not any(one.place.shares_bits(other) for other in taken)]
        words.append(_word(feed, free, truth))
        if words[-1].candidate is not None:
            taken.append(words[-1].candidate.place)
    return tuple(words)


def _word(feed: Feed, found: Sequence[Candidate], truth: Truth) -> Word:
    lacking = _lacking(feed, truth)
    if lacking is not None:
        return Word(feed, None, (), lacking)
    if not found or found[0].confidence < CONFIDENCE_MIN:
        return Word(feed, None, tuple(found[:5]), said("controller.unproven", word=feed.value))
    best = found[0]
    others = tuple(
        one
        for one in found[1:]
        if (one.place.table, one.place.address) != (best.place.table, best.place.address)
        and one.rank == best.rank
        and best.confidence - one.confidence < RIVAL_GAP
    )
    return Word(feed, best, others[:5], None)


def _lacking(feed: Feed, truth: Truth) -> Said | None:
    """What the recording would have to hold before this word can prove itself."""
    spans = {
        Feed.FLOOR: truth.landings,
        Feed.DIRECTION: truth.directions,
        Feed.DOOR: truth.doors,
        Feed.MODE: truth.modes,
        Feed.FAULT: truth.faults,
    }[feed]
    labels = [span.label for span in spans]
    needed = {
        Feed.FLOOR: len(set(labels)) >= 3,
        Feed.DIRECTION: labels.count("up") >= 2 and labels.count("down") >= 2,
        Feed.DOOR: labels.count("open") >= 2 and labels.count("closed") >= 2,
        Feed.MODE: labels.count("inspection") >= 2 and labels.count("normal") >= 2,
        Feed.FAULT: labels.count("fault") >= 2 and labels.count("none") >= 2,
    }[feed]
    return None if needed else said(f"controller.lacks_{feed.value}")


def _steady(registers: Sequence[Register]) -> tuple[tuple[str, int], ...]:
    return tuple(
        (register.table.name.lower(), register.address)
        for register in registers
        if not register.changing and register.ones and not register.table.is_of_bits
    )[:20]


def detective_result(found: Detected) -> StepResult:
    """The same in the words of a calibration; a map that was proposed is looked at by a person before it is used."""
    rows = tuple(
        (
            f"word.{word.feed.value}",
            "-" if word.candidate is None else str(word.candidate.place),
            tidy(100.0 * word.confidence),
            len(word.others),
        )
        for word in found.words
    )
    columns = ("column.word", "column.register", "column.confidence_percent", "column.others")
    doubts = [word.reason for word in found.words if word.reason is not None]
    if not found.problems:
        doubts.append(said("controller.proposed"))
    measured = (
        Measured("measured.registers", float(found.register_count), ""),
        Measured("measured.registers_changing", float(found.changing_count), ""),
        Measured("measured.words_found", float(sum(word.candidate is not None for word in found.words)), ""),
    )
    tables = (Table("table.words", columns, rows),)
    return result_of(StepName.CONTROLLER, found.problems, doubts, measured=measured, tables=tables)
