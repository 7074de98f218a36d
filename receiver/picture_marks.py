"""What is marked on the picture of an alarm: its stages at their times, and the signs that fired where they were seen.

Pure. A record says when it was made on the clock of the box, which is the clock of the recording too. A sign that is a
peak is marked at the extreme of the drawing before that time; one that says for how long is a stretch that ends there.
"""

from __future__ import annotations

from collections.abc import Sequence

from edge_agent.wire_values import Phase, Record
from receiver.json_view import Json, catalogue_row, measures_of, signs_of
from receiver.pictures import Picture

NS_PER_MS = 1_000_000
PEAK_WITHIN_NS = 30_000_000_000  # how long before its alarm a peak may lie; ours, above the hold time of any peak alarm
_NAMES_RECORDING = "evidence_sha256="  # the box keeps a recording: no stage of the alarm
_PEAKS = ("acc_z", "jerk")
_LASTING = ("still", "button_s", "run_s", "waiting_s", "door_open_s", "contradiction_s")
"""Measures and signs by name: those that are peaks of what is drawn, and those that say for how long something was so.
Source: the evidence columns of the catalogue."""


def alarm_ns(records: Sequence[Record]) -> int:
    """When the alarm was raised, on the clock of its boot. records: of one incident, at least one, by number."""
    return records[0].stamp.up_ms * NS_PER_MS


def marks_of(records: Sequence[Record], picture: Picture) -> tuple[Json, ...]:
    """Stages within the picture, in order of number, each with its signs. records: as in `alarm_ns`."""
    zero_ns = alarm_ns(records)
    marks: list[Json] = []
    for record in records:
        at_ns = record.stamp.up_ms * NS_PER_MS
        is_within = record.stamp.boot == records[0].stamp.boot and picture.from_ns <= at_ns <= picture.to_ns
        if not is_within or (record.note or "").startswith(_NAMES_RECORDING):
            continue
        phase = Phase.RAISED if record.phase is None else record.phase
        fired = _signs(record) if phase in (Phase.RAISED, Phase.UPDATED) else ()  # later ones repeat them
        signs = [_placed(sign, at_ns, zero_ns, picture) for sign in fired]
        marks.append(
            {
                "t_s": _s(at_ns, zero_ns),
                "phase": phase.name.lower(),
                "occupied_percent": record.percent,
                "signs": signs,
            }
        )
    return tuple(marks)


def _signs(record: Record) -> list[Json]:
    """Measured values, and the signs of the note."""
    row = catalogue_row(record.kind)
    measures = [{**measure, "is_measure": True} for measure in measures_of(record)]
    return [*measures, *({**sign, "is_measure": False} for sign in signs_of(record, row))]


def _placed(sign: Json, at_ns: int, zero_ns: int, picture: Picture) -> Json:
    """With `peak_s`, where it is a peak that can be found, or `since_s`, where it says for how long."""
    name, value = str(sign["name"]), sign["value"]
    if sign["is_measure"] and name in _PEAKS:
        found = _peak_ns(picture, at_ns)
        return sign if found is None else {**sign, "peak_s": _s(found, zero_ns)}
    if name in _LASTING:
        try:
            lasted_ns = float(str(value)) * 1e9
        except ValueError:
            return sign
        if 0.0 < lasted_ns < 1e15:
            return {**sign, "since_s": _s(round(at_ns - lasted_ns), zero_ns)}
    return sign


def _peak_ns(picture: Picture, until_ns: int) -> int | None:
    """Middle of the column with the largest departure from rest, up to a time. None: nothing was felt there."""
    columns = len(picture.accel_low_mps2)
    if columns == 0:
        return None
    width_ns = (picture.to_ns - picture.from_ns) / columns
    best: tuple[float, int] | None = None
    for index, (low, high) in enumerate(zip(picture.accel_low_mps2, picture.accel_high_mps2, strict=True)):
        middle_ns = round(picture.from_ns + (index + 0.5) * width_ns)
        if low is None or high is None or not until_ns - PEAK_WITHIN_NS <= middle_ns <= until_ns + width_ns:
            continue
        felt = max(abs(low), abs(high))
        if best is None or felt > best[0]:
            best = (felt, middle_ns)
    return None if best is None else best[1]


def _s(t_ns: int, zero_ns: int) -> float:
    return round((t_ns - zero_ns) / 1e9, 3)
