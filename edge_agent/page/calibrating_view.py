"""What the browser is shown of a calibration, in its language. Pure."""

from __future__ import annotations

import re
from hashlib import sha256

from calibration.guided import Guided, Proposal
from calibration.session_live import Gauge, Live
from calibration.session_steps import BY_ITSELF
from calibration.session_wording import Wording
from calibration.words import StepName, StepResult, said


def digest_of(proposal: Proposal) -> str:
    """By which the browser says which proposal it has shown."""
    return sha256(f"{proposal.old}\0{proposal.new}".encode()).hexdigest()[:32]


def proposal_view(proposal: Proposal, repair: StepName | None) -> dict[str, object]:
    return {
        "digest": digest_of(proposal),
        "diff": list(proposal.diff),
        "repair": None if repair is None else repair.value,
    }


def session_view(guided: Guided, wording: Wording) -> dict[str, object]:
    session = guided.session
    results = {result.step: result for result in session.results()}
    steps = [
        {
            "step": step.value,
            "name": wording.name(f"step.{step.value}"),
            "do": wording.sentence(said(f"{step.value}.do")),
            "by_itself": step in BY_ITSELF,
            "result": None if step not in results else _result_view(results[step], wording),
        }
        for step in StepName
    ]
    running = session.running
    live = session.live()
    return {
        "lift": guided_lift(guided),
        "steps": steps,
        "current": None if session.current is None else session.current.value,
        "running": None if running is None else running.value,
        "instruction": wording.sentence(session.instruction()),
        **live_view(live, wording),
        "questions": [{"key": each.key, "text": wording.sentence(each.said)} for each in session.questions()],
        "has_settings": bool(session.settings_lines()),
    }


def live_view(live: Live, wording: Wording) -> dict[str, object]:
    return {
        "share": round(min(1.0, max(0.0, live.share)), 3),
        "seconds": round(live.seconds, 1),
        "lacks": None if live.lacks is None else wording.sentence(live.lacks),
        "gauges": [_gauge_view(gauge, wording) for gauge in live.gauges],
    }


def guided_lift(guided: Guided) -> str:
    """Which lift it is."""
    return guided.session.commissioning("00", "0", None).lift


def _gauge_view(gauge: Gauge, wording: Wording) -> dict[str, object]:
    value = gauge.value
    shown = "-" if value is None else wording.name(value) if isinstance(value, str) else f"{value:.4g}"
    share = None
    if isinstance(value, int | float) and gauge.low is not None and gauge.high is not None and gauge.high > gauge.low:
        share = round(min(1.0, max(0.0, (value - gauge.low) / (gauge.high - gauge.low))), 3)
    return {
        "name": wording.name(gauge.name),
        "value": with_signs(f"{shown} {gauge.unit}".rstrip()),
        "share": share,
        "is_good": gauge.is_good,
    }


def with_signs(text: str) -> str:
    """Units as people write them: the words of a calibration hold to letters and digits."""
    return re.sub(r"(?<=\d) deg\b", "°", text).replace("m/s2", "m/s²")


def _result_view(result: StepResult, wording: Wording) -> dict[str, object]:
    return {
        "verdict": result.verdict.value,
        "word": wording.name(f"verdict.{result.verdict.value}"),
        "reasons": [wording.sentence(reason) for reason in result.reasons],
        "next": None if result.next_action is None else wording.sentence(result.next_action),
        "measured": [[with_signs(wording.measured(each)), each.is_expected] for each in result.measured],
        "settings": [f"{name} = {value}" for name, value in result.settings],
        "plots": len(result.plots),
    }
