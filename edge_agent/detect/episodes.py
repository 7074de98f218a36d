"""Findings to alarms: suspect, raise once, update when the picture changes, clear; never a flood."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, OpenIncident
from edge_agent.catalogue import CATALOGUE
from edge_agent.detect.car import CarState
from edge_agent.detect.rules.rule import Finding, Rule

UPDATE_NS_MIN = 60_000_000_000
UPDATE_PERCENT_MIN = 15
UPDATES_MAX = 20
NOTE_BYTES_MAX = 80
FLAP_NS = 600_000_000_000
FLAPS_FREE = 2
FLAPS_KEPT = 8
LINGER_NS = 10_000_000_000
"""What came and went twice within 10 minutes must stay away 10 s before it counts as gone, then 20, 40, up to 640 s: a
loose wire is one incident. Source: field/products (c) 2, a door that opened 5,000 times a day flooded the portal."""


@dataclass(slots=True)
class _Episode:
    incident: int
    is_raised: bool
    told_ns: int
    finding: Finding | None
    updates: int = 0
    seen_ns: int = 0  # when the condition was last found


class _Watch:
    """A rule with its episodes, by subject. Most rules have none most of the time: then asking is all it costs."""

    __slots__ = ("ask", "ended", "episodes", "rule")

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.ask = rule.step
        self.episodes: dict[str, _Episode] = {}
        self.ended: dict[str, deque[int]] = {}


class Episodes:
    """State: at most one episode for each kind and subject. Out: alarms in the order of the rules."""

    def __init__(self, rules: Iterable[Rule], first_incident: int, resumed: Iterable[OpenIncident]) -> None:
        self._watches = tuple(_Watch(rule) for rule in rules)
        self._next = first_incident
        self.raised: frozenset[AlarmKind] = frozenset()
        """Kinds that stand raised."""
        by_kind = {watch.rule.kind: watch for watch in self._watches}
        for open_incident in resumed:
            watch = by_kind.get(open_incident.kind)
            if watch is not None:
                watch.episodes[""] = _Episode(open_incident.incident, True, 0, None)
            self._next = max(self._next, open_incident.incident + 1)
        self._note_raised()

    def step(self, car: CarState) -> list[Alarm]:
        """Ask every rule about this frame."""
        alarms: list[Alarm] = []
        for watch in self._watches:
            findings = watch.ask(car, self.raised)
            if findings or watch.episodes:
                told = self._judge(car, watch, findings)
                if told:
                    self._note_raised()
                    alarms.extend(told)
        return alarms

    def _note_raised(self) -> None:
        self.raised = frozenset(
            watch.rule.kind for watch in self._watches if any(episode.is_raised for episode in watch.episodes.values())
        )

    def _judge(self, car: CarState, watch: _Watch, findings: tuple[Finding, ...]) -> list[Alarm]:
        alarms: list[Alarm] = []
        seen = set()
        is_muted = car.is_worked_on and not watch.rule.outlives_inspection
        for finding in () if is_muted else findings:
            self._name(watch, finding)
            seen.add(finding.subject)
            alarms.extend(self._take(car, watch, finding))
        for subject in [subject for subject in watch.episodes if subject not in seen]:
            alarms.extend(self._miss(car, watch, subject))
        return alarms

    @staticmethod
    def _name(watch: _Watch, finding: Finding) -> None:
        """An incident resumed after a restart has no subject yet: the first finding of its kind is it."""
        if finding.subject not in watch.episodes and "" in watch.episodes:
            watch.episodes[finding.subject] = watch.episodes.pop("")

    def _take(self, car: CarState, watch: _Watch, finding: Finding) -> list[Alarm]:
        episode = watch.episodes.get(finding.subject)
        if episode is None:
            episode = _Episode(self._next, False, car.t_ns, finding)
            self._next += 1
            watch.episodes[finding.subject] = episode
            episode.seen_ns = car.t_ns
            if not finding.is_confirmed:
                return [_alarm(car, watch.rule.kind, episode, finding, AlarmState.SUSPECTED)]
        episode.seen_ns = car.t_ns
        last, episode.finding = episode.finding, finding
        if episode.is_raised:
            return self._update(car, watch, episode, last, finding)
        if not finding.is_confirmed:
            return []
        episode.is_raised, episode.told_ns = True, car.t_ns
        return [_alarm(car, watch.rule.kind, episode, finding, AlarmState.RAISED)]

    def _update(
        self, car: CarState, watch: _Watch, episode: _Episode, last: Finding | None, finding: Finding
    ) -> list[Alarm]:
        """Tell again only what changes the picture: P, or the second sign; seldom, and not for ever."""
        told = episode.told_ns
        if car.t_ns - told < UPDATE_NS_MIN or episode.updates >= UPDATES_MAX or finding.occupied_percent is None:
            episode.finding = last if last is not None else finding
            return []
        before = last.occupied_percent if last is not None and last.occupied_percent is not None else 0
        if abs(finding.occupied_percent - before) < UPDATE_PERCENT_MIN:
            episode.finding = last
            return []
        episode.told_ns, episode.updates = car.t_ns, episode.updates + 1
        return [_alarm(car, watch.rule.kind, episode, finding, AlarmState.UPDATED)]

    def _miss(self, car: CarState, watch: _Watch, subject: str) -> list[Alarm]:
        episode = watch.episodes[subject]
        if episode.is_raised and not watch.rule.is_over(car, subject):
            return []
        ended = watch.ended.setdefault(subject, deque(maxlen=FLAPS_KEPT))
        while ended and car.t_ns - ended[0] > FLAP_NS:
            ended.popleft()
        if len(ended) >= FLAPS_FREE and car.t_ns - episode.seen_ns < LINGER_NS << (len(ended) - FLAPS_FREE):
            return []
        ended.append(car.t_ns)
        del watch.episodes[subject]
        return [_alarm(car, watch.rule.kind, episode, episode.finding, AlarmState.CLEARED)]


def _alarm(car: CarState, kind: AlarmKind, episode: _Episode, finding: Finding | None, state: AlarmState) -> Alarm:
    return Alarm(
        t_ns=car.t_ns,
        kind=kind,
        state=state,
        severity=CATALOGUE[kind].severity,
        incident=episode.incident,
        evidence=finding.evidence if finding is not None else (),
        witnesses=finding.witnesses if finding is not None else frozenset(),
        place=car.place(),
        occupied_percent=finding.occupied_percent if finding is not None else None,
        note=_short(finding.note) if finding is not None else "",
    )


def _short(text: str) -> str:
    """At most 80 bytes of UTF-8, whole characters. Source: alarm.cddl `note`."""
    return text.encode()[:NOTE_BYTES_MAX].decode(errors="ignore")
