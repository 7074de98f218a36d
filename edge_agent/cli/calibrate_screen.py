"""The terminal side of a calibration: lines of text, one line that moves, and what is typed meanwhile."""

from __future__ import annotations

import os
import select
import shutil
import sys
import unicodedata
from typing import TextIO

from calibration.session_live import Gauge, Live
from calibration.session_wording import Wording
from calibration.words import StepResult

BAR_CELLS = 10
CHUNK_BYTES = 1_024
LINE_CHARS_MAX = 200
REDRAW_S_BESIDE = 2.0  # where nothing can be overwritten, in a file or a pipe
STDIN = 0
WAIT_S = 1.0


class Typed:
    """Lines from standard input as they come; `is_over` when there will be none."""

    def __init__(self) -> None:
        self._descriptor = STDIN
        self._held = b""
        self.is_over = False

    def line(self, wait_s: float) -> str | None:
        """The next line, without spaces around it; None: none within the time."""
        if b"\n" not in self._held and not self.is_over and select.select([self._descriptor], [], [], wait_s)[0]:
            chunk = os.read(self._descriptor, CHUNK_BYTES)
            self.is_over = not chunk
            self._held = (self._held + chunk)[-LINE_CHARS_MAX * 4 :]
        if b"\n" not in self._held:
            return None
        line, _, self._held = self._held.partition(b"\n")
        return line.decode("utf-8", errors="replace").strip()

    def waited(self) -> str | None:
        """The next line, however long it takes; None: there will be none."""
        line: str | None = None
        while line is None and not self.is_over:
            line = self.line(WAIT_S)
        return line


class Screen:
    """Writes; the moving line is overwritten where standard output is a terminal, else written every two seconds."""

    def __init__(self, wording: Wording, out: TextIO | None = None) -> None:
        self.wording = wording
        self._out = sys.stdout if out is None else out
        self._is_terminal = self._out.isatty()
        self._is_moving = False
        self._said_s = float("-inf")

    def say(self, text: str = "") -> None:
        """A line that stays."""
        if self._is_moving:
            self._out.write("\r\x1b[K")
            self._is_moving = False
        self._out.write(text + "\n")
        self._out.flush()

    def ask(self, text: str) -> None:
        """The same without an end of line."""
        if self._is_moving:
            self._out.write("\r\x1b[K")
            self._is_moving = False
        self._out.write(text)
        self._out.flush()

    def move(self, live: Live, tail: str, now_s: float) -> None:
        """Show what is seen now."""
        line = live_line(live, self.wording, tail)
        if self._is_terminal:
            columns = shutil.get_terminal_size().columns - 1
            self._out.write(f"\r\x1b[K{shortened(line, columns)}")
            self._out.flush()
            self._is_moving = True
        elif now_s - self._said_s >= REDRAW_S_BESIDE:
            self._said_s = now_s
            self.say(line)

    def result(self, result: StepResult, seconds: float) -> None:
        """Verdict, reasons, what was measured, what to do next."""
        wording = self.wording
        verdict = wording.name(f"verdict.{result.verdict.value}")
        step = wording.name(f"step.{result.step.value}")
        self.say(wording.text("verdict_line", step=step, verdict=verdict, seconds=seconds))
        for reason in result.reasons:
            self.say(f"   {wording.sentence(reason)}")
        for measured in result.measured:
            self.say(f"   {wording.measured(measured)}")
        for name, value in result.settings:
            self.say(f"   {name} = {value}")
        if result.next_action is not None:
            self.say(wording.text("next", text=wording.sentence(result.next_action)))


def live_line(live: Live, wording: Wording, tail: str) -> str:
    """All gauges, how much of what is needed is there, and what is missing, in one line."""
    parts = [gauge_text(gauge, wording) for gauge in live.gauges]
    whole = f"{bar(live.share)} {round(100 * live.share)} %"
    lacks = "" if live.lacks is None else f"  {wording.sentence(live.lacks)}"
    return f"{whole}{lacks}  {tail}  " + "  ".join(parts)


def gauge_text(gauge: Gauge, wording: Wording) -> str:
    """Name, bar if it has ends, value."""
    name, mark = wording.name(gauge.name), "!" if gauge.is_good is False else ""
    match gauge.value:
        case None:
            return f"{name} -"
        case str():
            return f"{name} {wording.name(gauge.value)}{mark}"
        case value:
            number = f"{value:.4g} {gauge.unit}".rstrip()
            if gauge.low is None or gauge.high is None or gauge.high <= gauge.low:
                return f"{name} {number}{mark}"
            return f"{name} {bar((value - gauge.low) / (gauge.high - gauge.low))} {number}{mark}"


def bar(share: float) -> str:
    """Ten cells, filled to the share."""
    filled = round(BAR_CELLS * min(1.0, max(0.0, share)))
    return "[" + "#" * filled + "." * (BAR_CELLS - filled) + "]"


def shortened(line: str, columns: int) -> str:
    """What fits into so many columns; Chinese characters take two."""
    width = 0
    for place, character in enumerate(line):
        width += 2 if unicodedata.east_asian_width(character) in "WF" else 1
        if width > columns:
            return line[:place]
    return line
