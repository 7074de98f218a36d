"""The single-threaded middle of the agent: readings in, records committed, requests out. Time is passed in.

In: what the sources gave, in any order; answers of the uplinks. Out: steps for the uplinks.
State: the timeline, the detector, records that wait for the outbox. No thread, no clock of its own, no waiting.
Order: a reading is recorded, then judged; an alarm is committed before anything else happens to it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol, assert_never

from edge_agent.agent_baselines import BaselinesKeeper
from edge_agent.agent_box_watch import ShellWatch
from edge_agent.agent_delivery import NS_PER_S, Dispatch, Outbox
from edge_agent.agent_duties import Duties
from edge_agent.agent_ends import choose_ends
from edge_agent.agent_lamps import LampKeeper
from edge_agent.agent_sources import SourceWatch
from edge_agent.agent_visits import VisitKeeper, commissioning_of
from edge_agent.alarms import Alarm, AlarmState, OpenIncident, Place, Severity, SignalCoverage, Trip
from edge_agent.catalogue_visit import visit_words
from edge_agent.delivery import Poll, Send
from edge_agent.detect.detector import Detector
from edge_agent.errors import OutboxError, RecordingError
from edge_agent.evidence import EvidenceKeeper
from edge_agent.journal import Journal
from edge_agent.local_requests import REFUSED, CommissioningRequest, EndRequest, Request, VisitRequest
from edge_agent.readings import Reading, SamplesLost, Tick
from edge_agent.records import RecordDraft, draft_of_alarm, draft_of_coverage, draft_of_evidence, draft_of_trip
from edge_agent.status import IncidentStatus, incident_status
from edge_agent.story import alarm_sentence, coverage_sentence, record_words, trip_sentence
from edge_agent.timeline import Timeline
from edge_agent.wire import Stamp, Stream

# Telemetry is committed together: 0.56 KiB written a record, not 14. Source: wire and delivery design, section 3.1.
TELEMETRY_AGE_NS = 60 * NS_PER_S
TELEMETRY_MAX = 256
# Alarms and faults that an outbox out of order has not taken yet; an incident is three of them.
WAITING_MAX = 2_000
RETRY_NS = NS_PER_S

_LEVELS = {
    Severity.CRITICAL: logging.CRITICAL,
    Severity.MAJOR: logging.ERROR,
    Severity.MINOR: logging.WARNING,
    Severity.INFO: logging.INFO,
}


class Recorder(Protocol):
    """Keeps what the core was given."""

    lost_count: int
    problem: RecordingError | None

    def write(self, reading: Reading) -> None:
        """Take one reading. Raises nothing."""
        ...

    def close(self) -> None:
        """Write what is kept."""
        ...


@dataclass(frozen=True, slots=True)
class _Entry:
    draft: RecordDraft
    stamp: Stamp


class AgentCore:
    """See the module. `resumed`: incidents that were open when the agent last stopped, as the detector was given."""

    def __init__(
        self,
        *,
        detector: Detector,
        timeline: Timeline,
        outbox: Outbox,
        dispatch: Dispatch,
        watch: SourceWatch,
        recorder: Recorder | None,
        journal: Journal,
        resumed: Sequence[OpenIncident] = (),
        duties: Duties | None = None,
        keeper: EvidenceKeeper | None = None,
        lamps: LampKeeper | None = None,
        baselines: BaselinesKeeper | None = None,
        watches: Sequence[ShellWatch] = (),
        visits: VisitKeeper | None = None,
    ) -> None:
        self.dispatch = dispatch
        self.watch = watch
        self.journal = journal
        self.ticks_count = 0
        self.records_count = 0
        self.alarms_raised_count = 0
        self.trips_count = 0
        self.dropped_count = 0
        self._detector = detector
        self._timeline = timeline
        self._outbox = outbox
        self._recorder = recorder
        self._duties = duties
        self._keeper = keeper
        self._lamps = lamps
        self._baselines = baselines
        self._watches = watches
        self.visits = visits
        self._waiting: deque[_Entry] = deque()
        self._retry_ns = 0
        self._telemetry: deque[_Entry] = deque()
        self._telemetry_since_ns = 0
        self._incidents: dict[int, Alarm | OpenIncident] = {incident.incident: incident for incident in resumed}

    @property
    def is_armed(self) -> bool:
        """Every source is open or declared faulty, and the detector steps."""
        return self.ticks_count > 0 and self.watch.are_all_settled

    @property
    def is_outbox_well(self) -> bool:
        """Everything concluded so far is committed."""
        return not self._waiting

    @property
    def detector(self) -> Detector:
        """The detection core, to be looked at."""
        return self._detector

    @property
    def late_count(self) -> int:
        """Readings that came too late to be judged."""
        return self._timeline.lost_count

    def unwritten(self) -> tuple[tuple[RecordDraft, Stamp], ...]:
        """What the outbox has not taken, in order: alarms and faults, then telemetry."""
        return tuple((entry.draft, entry.stamp) for entry in (*self._waiting, *self._telemetry))

    def take(self, source: str, readings: Iterable[Reading], now_ns: int) -> None:
        """What a source gave."""
        readings = tuple(readings)
        self.watch.saw(source, readings, now_ns)
        for reading in readings:
            self._timeline.push(reading)

    def take_losses(self, source: str, count: int, now_ns: int) -> None:
        """Readings of a source were dropped on the way to here."""
        self.take(source, (SamplesLost(now_ns, source, count),), now_ns)

    def commit(self, draft: RecordDraft, t_ns: int, now_ns: int) -> None:
        """Commit a record of the agent itself, such as "started"; it is retried until the outbox takes it."""
        self._enqueue(draft, t_ns, now_ns)
        self._write_waiting(now_ns)

    def report(self, alarm: Alarm, now_ns: int) -> None:
        """A stage of a fault that the shell itself has seen."""
        self._alarm(alarm, now_ns)

    def turn(self, now_ns: int) -> tuple[Send | Poll, ...]:
        """Judge what is due, commit what came of it, and say what is to be sent."""
        self._visit(now_ns)
        for reading in self._timeline.release(now_ns):
            self._step(reading, now_ns)
        self._do_duties(now_ns)
        self._write_waiting(now_ns)
        if self._baselines is not None:
            self._baselines.work(self._detector, now_ns)
        if self._telemetry and now_ns - self._telemetry_since_ns >= TELEMETRY_AGE_NS:
            self._write_telemetry(now_ns)
        if self._recorder is not None and self._recorder.problem is not None:
            problem = self._recorder.problem
            self.journal.change(now_ns, logging.WARNING, "recording", f"The recording has gaps: {problem}")
        self._keep_evidence(now_ns)
        if self._lamps is not None and (fault := self._lamps.work(now_ns)) is not None:
            self._alarm(fault, now_ns)
        for stage in [stage for each in self._watches for stage in each.work(now_ns)]:
            self._alarm(stage, now_ns)
        for reset in self.dispatch.take_resets():
            self.end_incidents(reset.incident, f"{reset.who} at {reset.destination}".strip(), now_ns)
        self.journal.settle(now_ns)
        return self.dispatch.steps(now_ns)

    def flush(self, now_ns: int) -> None:
        """Judge and commit everything that is still held."""
        for reading in self._timeline.flush():
            self._step(reading, now_ns)
        self._retry_ns = now_ns
        self._write_waiting(now_ns)
        if self._baselines is not None:
            self._baselines.write(self._detector, now_ns)
        self._write_telemetry(now_ns)
        if self._duties is not None and self.is_outbox_well:
            for draft in self._checkpoint(self._duties, now_ns):
                self.commit(draft, now_ns, now_ns)

    def close(self) -> None:
        """Close recording and outbox."""
        if self._recorder is not None:
            self._recorder.close()
        if self._keeper is not None:
            self._keeper.close()
        if self._lamps is not None:
            self._lamps.close()
        self._outbox.close()

    def end_incidents(self, number: int | None, who: str, now_ns: int) -> tuple[str, ...]:
        """End one incident, or (None) every alarm whose condition is gone. Returns sentences for who asked.

        Source: EN 81-28 as told in the wire design, section 2.6: the end comes from the lift or by remote reset.
        """
        try:
            unended = self._outbox.unended()
        except OutboxError as error:
            return (str(error),)
        choice = choose_ends(unended, number, who)
        for draft in choice.drafts:
            self.commit(draft, now_ns, now_ns)
            if draft.incident is not None:
                self._incidents.pop(draft.incident, None)
        for sentence in choice.sentences:
            self.journal.tell(logging.INFO, sentence)
        return choice.sentences

    def hear(self, request: Request, now_ns: int) -> tuple[str, ...]:
        """What a person at the box asks for. Returns sentences for who asked."""
        match request:
            case EndRequest():
                return self.end_incidents(request.incident, request.who, now_ns)
            case VisitRequest():
                if self.visits is None:
                    return REFUSED, visit_words("no_visits", request.language)
                return self.visits.hear(request, now_ns)
            case CommissioningRequest():
                draft, sentences = commissioning_of(request)
                self.commit(draft, now_ns, now_ns)
                self.journal.tell(logging.INFO, sentences[-1])
                return sentences
            case _:
                assert_never(request)

    def incidents(self, now_ns: int) -> tuple[IncidentStatus, ...]:
        """What is suspected or open, oldest first."""
        return tuple(incident_status(incident, now_ns) for incident in self._incidents.values())

    def _visit(self, now_ns: int) -> None:
        """A maintenance visit that is under way, begins or ends."""
        if self.visits is None:
            return
        car = self._detector.car
        self.visits.look(car)
        news = self.visits.work(Place() if car is None else car.place(), now_ns, is_outbox_well=self.is_outbox_well)
        if news.word is not None:
            self._timeline.push(news.word)
        for draft in news.drafts:
            self.commit(draft, now_ns, now_ns)

    def _step(self, reading: Reading, now_ns: int) -> None:
        if self._recorder is not None:
            self._recorder.write(reading)
        if self._keeper is not None:
            self._keeper.write(reading)
        for conclusion in self._detector.step(reading):
            match conclusion:
                case Alarm():
                    self._alarm(conclusion, now_ns)
                case Trip():
                    self._trip(conclusion, now_ns)
                case SignalCoverage():
                    self.journal.tell(logging.INFO, coverage_sentence(conclusion))
                    self._gather(draft_of_coverage(conclusion), conclusion.t_ns, now_ns)
                case _:
                    assert_never(conclusion)
        if isinstance(reading, Tick):
            self.ticks_count += 1

    def _alarm(self, alarm: Alarm, now_ns: int) -> None:
        level = _LEVELS[alarm.severity] if alarm.state is AlarmState.RAISED else logging.INFO
        self.journal.tell(level, alarm_sentence(alarm))
        draft = draft_of_alarm(alarm)
        if draft is not None:
            self._enqueue(draft, alarm.t_ns, now_ns)
            self._write_waiting(now_ns)
        if alarm.state is AlarmState.CLEARED:
            self._incidents.pop(alarm.incident, None)
        else:
            self._incidents[alarm.incident] = alarm
        if alarm.state is AlarmState.RAISED:
            self.alarms_raised_count += 1
            if self._keeper is not None and draft is not None and draft.stream is Stream.ALARM:
                self._keeper.begin(alarm.incident, int(alarm.kind), alarm.t_ns)

    def _keep_evidence(self, now_ns: int) -> None:
        if self._keeper is None:
            return
        kept = self._keeper.work()
        if kept is not None:
            self.journal.tell(logging.INFO, f"Readings around incident {kept.incident} are kept as {kept.path}")
            is_present = kept.incident in self._incidents
            draft = draft_of_evidence(kept.kind, kept.incident, kept.digest, kept.byte_count, is_present=is_present)
            self.commit(draft, now_ns, now_ns)
        if self._keeper.problem is not None:
            self.journal.change(now_ns, logging.WARNING, "evidence", str(self._keeper.problem))

    def _trip(self, trip: Trip, now_ns: int) -> None:
        self.trips_count += 1
        if self.visits is not None:
            self.visits.take_trip(trip, self._detector.last_ride_report)
        self.journal.tell(logging.INFO, trip_sentence(trip))
        self._gather(draft_of_trip(trip), trip.t_ns, now_ns)

    def _do_duties(self, now_ns: int) -> None:
        if self._duties is None:
            return
        try:
            drafts = self._duties.due(now_ns)
        except OutboxError as error:
            self._outbox_failed(error, now_ns)
            return
        for draft in drafts:
            if draft.stream is Stream.TELEMETRY:
                self._gather(draft, now_ns, now_ns)
                self._write_telemetry(now_ns)  # trips that wait share its commit
            else:
                self._enqueue(draft, now_ns, now_ns)

    def _checkpoint(self, duties: Duties, now_ns: int) -> tuple[RecordDraft, ...]:
        try:
            return duties.checkpoint(now_ns)
        except OutboxError:
            return ()

    def _gather(self, draft: RecordDraft, t_ns: int, now_ns: int) -> None:
        """Telemetry waits for company: one commit for a minute's worth."""
        if not self._telemetry:
            self._telemetry_since_ns = now_ns
        self._telemetry.append(_Entry(draft, self.dispatch.stamp_at(t_ns, now_ns)))
        if len(self._telemetry) > TELEMETRY_MAX:
            self._telemetry.popleft()
            self._drop(now_ns)

    def _enqueue(self, draft: RecordDraft, t_ns: int, now_ns: int) -> None:
        self._waiting.append(_Entry(draft, self.dispatch.stamp_at(t_ns, now_ns)))
        if len(self._waiting) > WAITING_MAX:
            self._waiting.popleft()
            self._drop(now_ns)

    def _drop(self, now_ns: int) -> None:
        self.dropped_count += 1
        self.journal.change(now_ns, logging.ERROR, "drops", f"{self.dropped_count} records found no place and are lost")

    def _write_waiting(self, now_ns: int) -> None:
        """Commit in order; an outbox that refuses is tried again every second and keeps the watchdog hungry."""
        while self._waiting and now_ns >= self._retry_ns:
            entry = self._waiting[0]
            try:
                stored = self._outbox.append(entry.draft, entry.stamp)
            except OutboxError as error:
                self._outbox_failed(error, now_ns)
                return
            self._waiting.popleft()
            self._outbox_works(now_ns)
            if stored is not None:
                self.records_count += 1
                self.dispatch.appended(now_ns, (stored,))
                words = record_words(stored.kind, stored.stream, stored.seqno)
                self.journal.tell(logging.INFO, f"{words} committed, {len(stored.body)} bytes")

    def _write_telemetry(self, now_ns: int) -> None:
        if not self._telemetry:
            return
        try:
            stored = self._outbox.append_many((entry.draft, entry.stamp) for entry in self._telemetry)
        except OutboxError as error:
            self._telemetry_since_ns = now_ns
            self._outbox_failed(error, now_ns)
            return
        self._telemetry.clear()
        self._outbox_works(now_ns)
        self.records_count += len(stored)
        self.dispatch.appended(now_ns, stored)
        self.journal.tell(logging.DEBUG, f"{len(stored)} telemetry records committed")

    def _outbox_failed(self, error: OutboxError, now_ns: int) -> None:
        self._retry_ns = now_ns + RETRY_NS
        self.journal.change(now_ns, logging.ERROR, "outbox", f"The outbox does not take records: {error}")

    def _outbox_works(self, now_ns: int) -> None:
        self.journal.change(now_ns, logging.INFO, "outbox", "The outbox takes records")
