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
NONE_RAISED: frozenset[AlarmKind] = frozenset()
FLAP_NS = 600_000_000_000
FLAPS_FREE = 2
FLAPS_KEPT = 8
LINGER_NS = 10_000_000_000
"""What came and went twice within 10 minutes must stay away 10 s before it counts as gone, then 20, 40, up to 640 s: a
loose wire is one incident. Source: field/products (c) 2, a door that opened 5,000 times a day flooded the portal."""


@dataclass(slots=True)
class _Episode:
    rule: Rule
    incident: int
    is_raised: bool
    told_ns: int
    finding: Finding | None
    updates: int = 0
    seen_ns: int = 0  # when the condition was last found


class Episodes:
    """State: at most one episode for each kind and subject. Out: alarms in the order of the rules."""

    def __init__(self, rules: Iterable[Rule], first_incident: int, resumed: Iterable[OpenIncident]) -> None:
        self._rules = tuple(rules)
        self._next = first_incident
        self._episodes: dict[tuple[AlarmKind, str], _Episode] = {}
        self._ended: dict[tuple[AlarmKind, str], deque[int]] = {}
        by_kind = {rule.kind: rule for rule in self._rules}
        for open_incident in resumed:
            rule = by_kind.get(open_incident.kind)
            if rule is not None:
                key = (open_incident.kind, "")
                self._episodes[key] = _Episode(rule, open_incident.incident, True, 0, None)
            self._next = max(self._next, open_incident.incident + 1)

    @property
    def raised(self) -> frozenset[AlarmKind]:
        """Kinds that stand raised."""
        if not self._episodes:
            return NONE_RAISED
        return frozenset(key[0] for key, episode in self._episodes.items() if episode.is_raised)

    def step(self, car: CarState) -> list[Alarm]:
        """Ask every rule about this frame."""
        alarms: list[Alarm] = []
        for rule in self._rules:
            is_muted = car.is_inspection and not rule.outlives_inspection
            findings = rule.step(car, self.raised)
            if not findings and not self._episodes:
                continue
            seen = set()
            for finding in () if is_muted else findings:
                key = self._key_of(finding)
                seen.add(key)
                alarms.extend(self._take(car, rule, key, finding))
            for key in [k for k, e in self._episodes.items() if e.rule is rule and k not in seen]:
                alarms.extend(self._miss(car, key))
        return alarms

    def _key_of(self, finding: Finding) -> tuple[AlarmKind, str]:
        """An incident resumed after a restart has no subject yet: the first finding of its kind is it."""
        key = (finding.kind, finding.subject)
        unnamed = (finding.kind, "")
        if key not in self._episodes and unnamed in self._episodes:
            self._episodes[key] = self._episodes.pop(unnamed)
        return key

    def _take(self, car: CarState, rule: Rule, key: tuple[AlarmKind, str], finding: Finding) -> list[Alarm]:
        episode = self._episodes.get(key)
        if episode is None:
            episode = _Episode(rule, self._next, False, car.t_ns, finding)
            self._next += 1
            self._episodes[key] = episode
            episode.seen_ns = car.t_ns
            if not finding.is_confirmed:
                return [self._alarm(car, episode, finding, AlarmState.SUSPECTED)]
        episode.seen_ns = car.t_ns
        last, episode.finding = episode.finding, finding
        if episode.is_raised:
            return self._update(car, episode, last, finding)
        if not finding.is_confirmed:
            return []
        episode.is_raised, episode.told_ns = True, car.t_ns
        return [self._alarm(car, episode, finding, AlarmState.RAISED)]

    def _update(self, car: CarState, episode: _Episode, last: Finding | None, finding: Finding) -> list[Alarm]:
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
        return [self._alarm(car, episode, finding, AlarmState.UPDATED)]

    def _miss(self, car: CarState, key: tuple[AlarmKind, str]) -> list[Alarm]:
        episode = self._episodes[key]
        if episode.is_raised and not episode.rule.is_over(car, key[1]):
            return []
        ended = self._ended.setdefault(key, deque(maxlen=FLAPS_KEPT))
        while ended and car.t_ns - ended[0] > FLAP_NS:
            ended.popleft()
        if len(ended) >= FLAPS_FREE and car.t_ns - episode.seen_ns < LINGER_NS << (len(ended) - FLAPS_FREE):
            return []
        ended.append(car.t_ns)
        del self._episodes[key]
        return [self._alarm(car, episode, episode.finding, AlarmState.CLEARED)]

    def _alarm(self, car: CarState, episode: _Episode, finding: Finding | None, state: AlarmState) -> Alarm:
        kind = episode.rule.kind
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
