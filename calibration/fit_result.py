"""From what a fit found to a `StepResult`: one rule for the verdict, one for what to do next."""

from __future__ import annotations

from collections.abc import Sequence

from calibration.words import Measured, Plot, Said, StepName, StepResult, Table, Verdict, said

Lines = tuple[tuple[str, str], ...]


def result_of(
    step: StepName,
    problems: Sequence[Said],
    doubts: Sequence[Said],
    *,
    measured: Sequence[Measured] = (),
    tables: Sequence[Table] = (),
    plots: Sequence[Plot] = (),
    settings: Lines = (),
) -> StepResult:
    """A problem fails the step and takes its proposed settings away; a doubt makes it doubtful.

    The next action is that of the first problem or doubt, by the key "next." and its own.
    """
    verdict = Verdict.FAILED if problems else Verdict.DOUBTFUL if doubts else Verdict.PASSED
    reasons = (*problems, *doubts)
    return StepResult(
        step=step,
        verdict=verdict,
        reasons=reasons,
        next_action=said(f"next.{reasons[0].key}") if reasons else None,
        measured=tuple(measured),
        tables=tuple(tables),
        plots=tuple(plots),
        settings=() if problems else settings,
    )
