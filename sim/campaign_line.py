"""One day of a campaign as a line of JSON, and back."""

from __future__ import annotations

import json
from typing import Any

from edge_agent.alarms import AlarmKind
from sim.campaign import DayResult
from sim.diary import Answer, FalseAlarm


def line_of(result: DayResult) -> str:
    """One line without its end."""
    return json.dumps(
        {
            "day": result.number,
            "sensors": result.sensors,
            "drive": result.drive,
            "knows": result.knowledge,
            "parking": result.parking,
            "rate_hz": result.rate_hz,
            "noise_mps2": round(result.chip_noise_mps2, 5),
            "trips": result.trips,
            "calls": result.calls,
            "run_s": round(result.run_s, 1),
            "parked_run_s": round(result.parked_run_s, 1),
            "skipped_s": round(result.skipped_s, 1),
            "suspected": result.suspected,
            "events": [list(each) for each in result.events],
            "false": [[each.kind.public_name, round(each.t_s, 2), each.event] for each in result.false],
            "due": [
                [
                    each.kind.public_name,
                    each.event,
                    round(each.t_s, 2),
                    None if each.delay_s is None else round(each.delay_s, 2),
                    each.is_late,
                ]
                for each in result.answers
            ],
        },
        separators=(",", ":"),
    )


def result_of(line: str) -> DayResult | None:
    """The day in a line; None for a torn line, which a killed campaign may leave at the end."""
    try:
        row: dict[str, Any] = json.loads(line)
        kinds = {kind.public_name: kind for kind in AlarmKind}
        return DayResult(
            number=int(row["day"]),
            sensors=str(row["sensors"]),
            drive=str(row["drive"]),
            knowledge=str(row["knows"]),
            parking=str(row["parking"]),
            rate_hz=float(row["rate_hz"]),
            chip_noise_mps2=float(row["noise_mps2"]),
            trips=int(row["trips"]),
            calls=int(row["calls"]),
            run_s=float(row["run_s"]),
            parked_run_s=float(row["parked_run_s"]),
            skipped_s=float(row["skipped_s"]),
            suspected=int(row["suspected"]),
            events=tuple((str(name), int(count)) for name, count in row["events"]),
            false=tuple(FalseAlarm(kinds[kind], float(t_s), str(event)) for kind, t_s, event in row["false"]),
            answers=tuple(
                Answer(kinds[kind], str(event), float(t_s), None if delay_s is None else float(delay_s), bool(is_late))
                for kind, event, t_s, delay_s, is_late in row["due"]
            ),
        )
    except (ValueError, KeyError, TypeError):
        return None
