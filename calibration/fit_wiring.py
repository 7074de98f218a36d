"""Wiring: which chip, line and bus answers; and where it does not, what most probably is wrong and what to set.

In: what was found when each source was opened and listened to; without that (a recording) the readings themselves.
Out: PASSED where every source gives readings, else FAILED with a reason for each that does not. A chip that answers
at its other address, or a controller that answers at another rate, is named with the setting that makes it right; the
setting is proposed, and the step is to be repeated with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from calibration.session import StepCapture
from calibration.session_tells import Found
from calibration.session_watchers import source_names
from calibration.words import Measured, Said, StepName, StepResult, Table, Verdict, said
from edge_agent.readings import (
    AccelFrame,
    ControllerReport,
    FaultReason,
    ModemReport,
    PressureSample,
    Reading,
    SignalEdge,
    SourceFault,
    SupplySample,
)
from edge_agent.settings import ModbusSettings, SerialLineSettings, Settings, TalkerSettings

CHIPS = ("accelerometer", "pressure", "supply")
KINDS = {
    AccelFrame: "accelerometer",
    PressureSample: "pressure",
    SignalEdge: "door_contacts",
    ControllerReport: "controller",
    SupplySample: "supply",
    ModemReport: "modem",
}


def fit(capture: StepCapture) -> StepResult:
    """Judge the wiring."""
    settings = capture.settings
    told = {each.finding.source: each.finding for each in capture.told if isinstance(each.finding, Found)}
    found = [told.get(name) or _found_in(name, capture.readings) for name in source_names(settings)]
    wrong = [each for each in found if each.problem or each.count == 0]
    reasons: list[Said] = []
    lines: list[tuple[str, str]] = []
    for each in wrong:
        reasons += _reasons(each, settings)
        lines += _settings(each)
    rows = tuple((f"source.{each.source}", each.count, "found" if each not in wrong else "not_found") for each in found)
    return StepResult(
        StepName.WIRING,
        Verdict.FAILED if wrong else Verdict.PASSED,
        tuple(reasons) if wrong else (said("wiring.all_found", count=len(found)),),
        _next_action(wrong, lines) if wrong else None,
        measured=(Measured("wiring.sources_found", float(len(found) - len(wrong)), "", float(len(found))),),
        tables=(Table("wiring.sources", ("source", "readings", "verdict"), rows),),
        settings=tuple(lines),
    )


def _found_in(name: str, readings: Iterable[Reading]) -> Found:
    count, problem, reason = 0, "", None
    for reading in readings:
        if isinstance(reading, SourceFault) and reading.source == name:
            problem, reason = reading.detail, reading.reason
        elif KINDS.get(type(reading)) == name:
            count += len(reading.times_ns) if isinstance(reading, AccelFrame) else 1
            problem, reason = "", None
    if count == 0 and not problem:
        return Found(name, 0, FaultReason.SILENT, "nothing comes from it")
    return Found(name, count, reason, problem)


def _reasons(found: Found, settings: Settings) -> Iterator[Said]:
    source = f"source.{found.source}"
    if found.source in CHIPS and found.answering and " " in found.answering[0]:
        yield said("wiring.other_chip", source=source, answering=found.answering[0])
    elif found.source in CHIPS and found.answering:
        yield said("wiring.other_address", source=source, answering=found.answering[0])
    elif found.source in CHIPS and found.reason is FaultReason.WRONG_DEVICE:
        yield said("wiring.other_device", source=source, problem=found.problem)
    elif found.source in CHIPS:
        yield said("wiring.no_chip", source=source, problem=found.problem)
    elif found.source == "door_contacts":
        yield said("wiring.no_lines", problem=found.problem)
    elif found.source == "controller":
        yield _controller_reason(found, settings)
    else:
        yield said("wiring.no_modem", problem=found.problem)
    if found.hint:
        yield said("wiring.driver_says", hint=found.hint)


def _controller_reason(found: Found, settings: Settings) -> Said:
    chosen = settings.controller
    is_quiet = found.reason in (FaultReason.SILENT, FaultReason.BAD_REPLY, FaultReason.DESYNC)
    if found.answering:
        return said("wiring.other_rate", answering=found.answering[0])
    if isinstance(chosen, ModbusSettings) and isinstance(chosen.link, SerialLineSettings) and is_quiet:
        return said("wiring.swapped_pair", unit=chosen.unit)
    if isinstance(chosen, TalkerSettings) and is_quiet:
        return said("wiring.talker_silent", protocol=chosen.protocol_name)
    if isinstance(chosen, ModbusSettings) and found.reason is FaultReason.SILENT:
        return said("wiring.unit_silent", unit=chosen.unit)
    return said("wiring.no_controller", problem=found.problem)


def _settings(found: Found) -> Iterator[tuple[str, str]]:
    """answering: for a chip "ADDRESS" or "CHIP ADDRESS", for a line "RATE PARITY"."""
    if not found.answering:
        return
    if found.source in CHIPS:
        chip, _, address = found.answering[0].rpartition(" ")
        if chip:
            yield f"{found.source}.chip", f'"{chip}"'
        yield f"{found.source}.address", address
    elif found.source == "controller":
        rate, _, parity = found.answering[0].partition(" ")
        yield "controller.baud_rate", rate
        yield "controller.parity", f'"{parity}"'


def _next_action(wrong: list[Found], lines: list[tuple[str, str]]) -> Said:
    if lines:
        return said("wiring.next.set", line=f"[{lines[0][0].replace('.', '] ', 1)} = {lines[0][1]}")
    source = wrong[0].source
    return said(f"wiring.next.{'chip' if source in CHIPS else source}")
