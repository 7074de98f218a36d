"""Keeps the maintenance visit: begins and ends it for a person, tells the core that it lasts, ends it where forgotten.

In: requests; what the core saw of doors and trips; time. Out: words for the core, records, sentences.
State: the visit, in a file; the newest measurements. Order: what is begun or ended is first on the disk.
"""

from __future__ import annotations

import logging
from collections import deque
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from edge_agent.alarms import Evidence, Place, Trip
from edge_agent.catalogue_visit import visit_words
from edge_agent.clock import Clock
from edge_agent.detect.car import CarState
from edge_agent.detect.ride_report import RideReport
from edge_agent.journal import Journal
from edge_agent.local_requests import DONE, REFUSED, CommissioningRequest, VisitRequest
from edge_agent.readings import MaintenanceWord
from edge_agent.records import RecordDraft, draft_of_commissioning, draft_of_visit
from edge_agent.toml_checklist import bits_of
from edge_agent.visit_file import Ending, KeptVisit, Signs, Visits, read_visits, write_visits
from edge_agent.wire_values import Commissioned, Visit, VisitAct

Values = dict[str, str | int]

NS_PER_S = 1_000_000_000
SAY_NS = 10 * NS_PER_S  # a word counts for a minute in the core
KEEP_NS = 60 * NS_PER_S  # elapsed time: a power cut costs so much of it where no clock can tell
AGAIN_NS = NS_PER_S
KEPT = 10
"""Door movements and trips of which the medians are taken: minutes of test runs, or the last hour of traffic. Ours."""


@dataclass(frozen=True, slots=True)
class VisitNews:
    """What is to be done now."""

    word: MaintenanceWord | None = None
    drafts: tuple[RecordDraft, ...] = ()


NOTHING = VisitNews()


def commissioning_of(request: CommissioningRequest) -> tuple[RecordDraft, tuple[str, ...]]:
    """The record of a commissioning, and sentences for who asked."""
    counts = (request.passed, request.doubtful, request.failed, request.skipped)
    draft = draft_of_commissioning(Commissioned(bytes.fromhex(request.digest), *counts), request.person)
    words = visit_words("commissioned", request.language, person=request.person or "?", digest=request.digest[:16])
    return draft, (DONE, words)


class VisitMeasures:
    """The last door times, vibrations and stops, and how many trips there were since `begin_anew`. Bounded."""

    def __init__(self) -> None:
        self._counts: dict[bool, tuple[int, int]] = {}
        self.begin_anew()

    def begin_anew(self) -> None:
        """Forget what was measured; movements under way count for what comes."""
        self._openings: deque[int] = deque(maxlen=KEPT)
        self._closings: deque[int] = deque(maxlen=KEPT)
        self._levels: deque[float] = deque(maxlen=KEPT)
        self._offset_mm: int | None = None
        self._trips = 0

    def look(self, car: CarState | None) -> None:
        """After each turn: has a door moved, does the car stand beside its landing?"""
        if car is None:
            return
        for cycles in car.door.cycles:
            openings, closings = self._counts.get(cycles.is_rear, (cycles.openings, cycles.closings))
            if cycles.openings > openings:
                self._openings.append(cycles.opening_ns)
            if cycles.closings > closings:
                self._closings.append(cycles.closing_ns)
            self._counts[cycles.is_rear] = cycles.openings, cycles.closings
        error_m = car.position.error_m
        if error_m is not None:
            self._offset_mm = max(self._offset_mm or 0, round(abs(error_m) * 1000.0))

    def take_trip(self, trip: Trip, report: RideReport | None) -> None:
        """A trip, with its ride quality if that was measured."""
        self._trips += 1
        if report is None or report.end_ns != trip.end_ns:
            return
        regions = (report.vertical.constant, report.horizontal_worst.constant)
        levels = [region.a95_mps2 for region in regions if region is not None]
        if levels:
            self._levels.append(max(levels))

    def signs(self) -> Signs:
        """Medians, the largest offset, the count of trips; what was not measured is left out."""
        found: list[tuple[str, int | float]] = []
        if self._closings:
            found.append(("door_close_ms", round(median(self._closings) / 1e6)))
        if self._openings:
            found.append(("door_open_ms", round(median(self._openings) / 1e6)))
        if self._levels:
            found.append(("vibration_mps2_a95", round(median(self._levels), 4)))
        if self._offset_mm is not None:
            found.append(("landing_offset_mm", self._offset_mm))
        if self._trips:
            found.append(("trips_seen", self._trips))
        return tuple(found)


class VisitKeeper:
    """See the module."""

    def __init__(self, folder: Path, clock: Clock, boot: str, journal: Journal) -> None:
        self._folder = folder
        self._clock = clock
        self._boot = boot
        self._journal = journal
        self._visits: Visits = read_visits(folder)
        self._measures = VisitMeasures()
        self._say_ns = self._keep_ns = self._again_ns = 0
        self._is_end_given = False
        if self.under_way is not None:
            journal.tell(logging.WARNING, self._about(self.under_way, "en", clock.now_ns()))

    @property
    def under_way(self) -> KeptVisit | None:
        """The visit that lasts, if any."""
        now = self._visits.now
        return now if now is not None and now.ending is None else None

    def elapsed_s(self, now_ns: int) -> float:
        """Of the visit under way; 0 without one."""
        visit = self.under_way
        return 0.0 if visit is None else visit.elapsed_at(self._boot, now_ns, self._wall_ms())

    def look(self, car: CarState | None) -> None:
        """What the core sees now."""
        self._measures.look(car)

    def take_trip(self, trip: Trip, report: RideReport | None) -> None:
        """What the core concluded."""
        self._measures.take_trip(trip, report)

    def hear(self, request: VisitRequest, now_ns: int) -> tuple[str, ...]:
        """Begin or finish; what came of it, then sentences for who asked."""
        return self._start(request, now_ns) if request.verb == "start" else self._finish(request, now_ns)

    def work(self, place: Place, now_ns: int, *, is_outbox_well: bool) -> VisitNews:
        """What is to be said to the core and committed. is_outbox_well: everything given before is committed."""
        kept = self._visits.now
        if kept is None:
            return NOTHING
        if kept.ending is not None:
            return self._end_news(kept, kept.ending, place, now_ns, is_outbox_well=is_outbox_well)
        if kept.elapsed_at(self._boot, now_ns, self._wall_ms()) >= kept.minutes * 60:
            self._forget(kept, now_ns)
            return NOTHING
        drafts: tuple[RecordDraft, ...] = ()
        if not kept.is_told:
            drafts = (self._draft(kept, VisitAct.STARTED, 0, kept.before, place),)
            self._change(replace(kept.at(self._boot, now_ns, self._wall_ms()), is_told=True), now_ns)
        elif now_ns >= self._keep_ns:
            self._change(kept.at(self._boot, now_ns, self._wall_ms()), now_ns)
        word = None
        if now_ns >= self._say_ns:
            self._say_ns = now_ns + SAY_NS
            word = MaintenanceWord(now_ns, True)
        return VisitNews(word, drafts)

    # ---- beginning and end

    def _start(self, request: VisitRequest, now_ns: int) -> tuple[str, ...]:
        if self._visits.now is not None:
            return REFUSED, self._about(self._visits.now, request.language, now_ns)
        visit = KeptVisit(
            number=self._visits.number + 1,
            person=request.person or "?",
            minutes=request.minutes,
            checklist=request.checklist,
            digest=request.digest,
            count=request.count,
            boot=self._boot,
            at_ns=now_ns,
            wall_ms=self._wall_ms(),
            before=self._measures.signs(),
        )
        try:
            self._write(Visits(visit.number, visit))
        except OSError as error:
            return REFUSED, visit_words("not_kept", request.language, problem=error.strerror or str(error))
        self._measures.begin_anew()
        self._say_ns = 0
        self._keep_ns = now_ns + KEEP_NS
        values: Values = {"number": visit.number, "person": visit.person, "minutes": visit.minutes}
        self._journal.tell(logging.WARNING, visit_words("started", "en", **values))
        return DONE, visit_words("started", request.language, **values)

    def _finish(self, request: VisitRequest, now_ns: int) -> tuple[str, ...]:
        visit = self.under_way
        if visit is None:
            return REFUSED, visit_words("none", request.language)
        if request.digest != visit.digest:
            which: Values = {"number": visit.number, "checklist": visit.checklist}
            return REFUSED, visit_words("other_list", request.language, **which)
        ending = Ending(
            act=int(VisitAct.FINISHED),
            lasted_s=round(visit.elapsed_at(self._boot, now_ns, self._wall_ms())),
            done=request.done,
            faulty=request.faulty,
            remark=request.remark,
            signs=self._measures.signs(),
        )
        try:
            self._write(replace(self._visits, now=replace(visit, person=request.person or visit.person, ending=ending)))
        except OSError as error:
            return REFUSED, visit_words("not_ended", request.language, problem=error.strerror or str(error))
        values: Values = {
            "number": visit.number,
            "person": request.person or visit.person,
            "lasted": ending.lasted_s // 60,
            "done": len(ending.done),
            "faulty": len(ending.faulty),
        }
        self._journal.tell(logging.INFO, visit_words("finished", "en", **values))
        return DONE, visit_words("finished", request.language, **values)

    def _forget(self, visit: KeptVisit, now_ns: int) -> None:
        """Nobody has finished it in time. It is over in any case: what cannot be kept on the disk is tried again."""
        lasted_s = round(visit.elapsed_at(self._boot, now_ns, self._wall_ms()))
        ending = Ending(int(VisitAct.FORGOTTEN), lasted_s, (), (), "", self._measures.signs())
        self._change(replace(visit, ending=ending), now_ns)
        values: Values = {"number": visit.number, "person": visit.person, "lasted": lasted_s // 60}
        self._journal.tell(logging.ERROR, visit_words("forgotten", "en", **values))

    def _end_news(
        self, visit: KeptVisit, ending: Ending, place: Place, now_ns: int, *, is_outbox_well: bool
    ) -> VisitNews:
        if not self._is_end_given:
            self._is_end_given = True
            draft = self._draft(visit, VisitAct(ending.act), ending.lasted_s, ending.signs, place)
            told = () if visit.is_told else (self._draft(visit, VisitAct.STARTED, 0, visit.before, place),)
            return VisitNews(MaintenanceWord(now_ns, False), (*told, draft))
        if is_outbox_well and now_ns >= self._again_ns:
            self._again_ns = now_ns + AGAIN_NS
            try:
                self._write(replace(self._visits, now=None))
            except OSError as error:
                self._trouble(error, now_ns)
                return NOTHING
            self._is_end_given = False
            self._measures.begin_anew()
        return NOTHING

    def _draft(self, visit: KeptVisit, act: VisitAct, lasted_s: int, signs: Signs, place: Place) -> RecordDraft:
        ending = visit.ending if act is not VisitAct.STARTED else None
        told = Visit(
            number=visit.number,
            act=act,
            lasted_s=min(lasted_s, 86_400),
            person=visit.person,
            items=bytes.fromhex(visit.digest),
            done=b"" if ending is None else bits_of(ending.done),
            faulty=b"" if ending is None else bits_of(ending.faulty),
        )
        remark = "" if ending is None else ending.remark
        return draft_of_visit(told, tuple(Evidence(name, value) for name, value in signs), remark, place)

    def _about(self, visit: KeptVisit, language: str, now_ns: int) -> str:
        lasted = int(visit.elapsed_at(self._boot, now_ns, self._wall_ms()) // 60)
        return visit_words(
            "under_way", language, number=visit.number, person=visit.person, lasted=lasted, minutes=visit.minutes
        )

    # ---- the file

    def _change(self, visit: KeptVisit, now_ns: int) -> None:
        """Go on with this; the file follows as soon as it can."""
        self._keep_ns = now_ns + KEEP_NS
        self._visits = replace(self._visits, now=visit)
        try:
            self._write(self._visits)
        except OSError as error:
            self._trouble(error, now_ns)

    def _write(self, visits: Visits) -> None:
        write_visits(self._folder, visits)
        self._visits = visits

    def _trouble(self, error: OSError, now_ns: int) -> None:
        words = visit_words("not_ended", "en", problem=error.strerror or str(error))
        self._journal.change(now_ns, logging.WARNING, "visit", words)

    def _wall_ms(self) -> int | None:
        wall = self._clock.wall_estimate()
        return None if wall is None else wall.unix_ms
