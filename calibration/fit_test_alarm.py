"""The test alarm: whether each receiver has said, sealed, that it is stored, and after how long."""

from __future__ import annotations

from calibration.session import StepCapture
from calibration.session_tells import Stored
from calibration.words import Measured, Said, StepName, StepResult, Table, Verdict, said

STORED_S_MAX = 60.0
"""Ours: an alarm is to be with people within a minute; on a mobile network with its first connection."""


def fit(capture: StepCapture) -> StepResult:
    """Judge the way of an alarm."""
    told = {each.finding.receiver: each.finding for each in capture.told if isinstance(each.finding, Stored)}
    asked = [receiver for receiver in capture.settings.delivery.receivers if not receiver.is_standby]
    reasons: list[Said] = []
    is_failed = False
    measured = []
    rows = []
    for receiver in asked:
        stored = told.get(receiver.name)
        if stored is None or not stored.is_stored:
            is_failed = True
            problem = "-" if stored is None else stored.problem
            reasons.append(said("test_alarm.not_stored", receiver=receiver.name, problem=problem))
        else:
            measured.append(Measured("test_alarm.stored_after", stored.after_s, "s", None, STORED_S_MAX))
            if stored.after_s > STORED_S_MAX:
                reasons.append(said("test_alarm.late", receiver=receiver.name, seconds=round(stored.after_s)))
        rows.append((receiver.name, None if stored is None else round(stored.after_s, 2)))
    verdict = Verdict.FAILED if is_failed else Verdict.DOUBTFUL if reasons else Verdict.PASSED
    return StepResult(
        StepName.TEST_ALARM,
        verdict,
        tuple(reasons) or (said("test_alarm.stored", count=len(asked)),),
        said("test_alarm.next") if reasons else None,
        tuple(measured),
        (Table("test_alarm.receivers", ("receiver", "stored_after_s"), tuple(rows)),),
    )
