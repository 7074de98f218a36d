"""The commissioning report: what a calibration found, laid out as an acceptance form; its sealed content and its pages.

The content is what is sealed: the commissioning, who made it, and the digests of the photos. The pages are made of it
alone, so that they can be made again and compared.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from calibration.report_blocks import (
    Block,
    Document,
    Grid,
    Heading,
    Lines,
    NewPage,
    Pairs,
    Paragraph,
    Photo,
    Picture,
    Signatures,
    Tone,
)
from calibration.report_photos import PHOTOS_MAX, photo_digest
from calibration.report_plots import Curve, Drawing, drawing_of
from calibration.session_wording import Wording
from calibration.words import (
    CalibrationError,
    Cell,
    Commissioning,
    Measured,
    Plot,
    StepName,
    StepResult,
    Table,
    Verdict,
)
from calibration.words_json import from_json, to_json
from edge_agent.catalogue_report import report_words

FORMAT = 1
TEXT_CHARACTERS_MAX = 200
_TONES = {
    Verdict.PASSED: Tone.GOOD,
    Verdict.DOUBTFUL: Tone.DOUBT,
    Verdict.FAILED: Tone.BAD,
    Verdict.SKIPPED: Tone.QUIET,
}


@dataclass(frozen=True, slots=True)
class Acceptance:
    """All that a report says. lift_no: the registration code on the plate; person, firm: who commissioned."""

    commissioning: Commissioning
    lift_no: str = ""
    person: str = ""
    firm: str = ""
    photos: tuple[Photo, ...] = ()

    def __post_init__(self) -> None:
        """Raises ValueError for what is too long or too many."""
        if len(self.photos) > PHOTOS_MAX:
            raise ValueError(f"{len(self.photos)} photos; at most {PHOTOS_MAX}")
        texts = (self.lift_no, self.person, self.firm, *(photo.caption for photo in self.photos))
        if any(len(text) > TEXT_CHARACTERS_MAX for text in texts):
            raise ValueError(f"a text is longer than {TEXT_CHARACTERS_MAX} characters")


class PhotosMissing(CalibrationError):
    """The content names photos that were not given."""


@dataclass(frozen=True, slots=True)
class SealOnPage:
    """What the pages say of their seal. text: the sealed block, as `edge_agent.report_seal` writes it."""

    text: str
    digest: bytes
    key_text: str


def verdict_counts(commissioning: Commissioning) -> tuple[int, int, int, int]:
    """Steps passed, doubtful, failed, and left out or not done."""
    verdicts = [result.verdict for result in commissioning.results]
    done = tuple(verdicts.count(verdict) for verdict in (Verdict.PASSED, Verdict.DOUBTFUL, Verdict.FAILED))
    return done[0], done[1], done[2], len(StepName) - sum(done)


def content_of(acceptance: Acceptance) -> bytes:
    """What is sealed: the same bytes for the same report. Raises CalibrationError above 8 MiB."""
    photos = [
        {"caption": photo.caption, "media": photo.media, "sha256": photo_digest(photo)} for photo in acceptance.photos
    ]
    tree = {
        "format": FORMAT,
        "commissioning": json.loads(to_json(acceptance.commissioning)),
        "lift_no": acceptance.lift_no,
        "person": acceptance.person,
        "firm": acceptance.firm,
        "photos": photos,
    }
    return json.dumps(tree, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def acceptance_from(content: bytes, photos: Sequence[Photo] | None = ()) -> Acceptance:
    """The reverse of `content_of`, with the photos that it names; None: without them.

    Raises CalibrationError, `PhotosMissing`.
    """
    try:
        tree = json.loads(content)
        if tree["format"] != FORMAT:
            raise ValueError(f"format {tree['format']} is not known")
        commissioning = from_json(json.dumps(tree["commissioning"], ensure_ascii=False))
        lift_no, person, firm = (str(tree[name]) for name in ("lift_no", "person", "firm"))
        named = [(str(row["caption"]), str(row["sha256"])) for row in tree["photos"]]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CalibrationError(f"no content of a report ({error})", subject="report", hint="Is it whole?") from None
    if photos is None:
        return Acceptance(commissioning, lift_no, person, firm)
    given = {photo_digest(photo): photo for photo in photos}
    if any(digest not in given for _, digest in named):
        raise PhotosMissing(
            f"it names {len(named)} photos, of which not all are here", subject="report", hint="Give each with --photo"
        )
    kept = tuple(
        Photo(caption, found.media, found.width, found.height, found.data)
        for caption, found in ((caption, given[digest]) for caption, digest in named)
    )
    return Acceptance(commissioning, lift_no, person, firm, kept)


def document_of(acceptance: Acceptance, language: str, seal: SealOnPage) -> Document:
    """The report in one language."""
    made_utc_s = acceptance.commissioning.made_utc_s
    title = report_words("title", language)
    return Document(
        title=f"{title} {acceptance.lift_no or acceptance.commissioning.lift}",
        language=language,
        blocks=tuple(_Composer(acceptance, language, seal).blocks()),
        foot=f"{acceptance.commissioning.device_id} · {seal.digest.hex()[:16]}",
        made_utc_s=made_utc_s,
        sealed=seal.text,
        page_words=report_words("page", language),
    )


def moment_words(made_utc_s: int | None, language: str) -> str:
    """A moment in UTC, or that it is not known."""
    if made_utc_s is None:
        return report_words("made_unknown", language)
    return datetime.fromtimestamp(made_utc_s, UTC).strftime("%Y-%m-%d %H:%M UTC")


class _Composer:
    """Puts one report together."""

    def __init__(self, acceptance: Acceptance, language: str, seal: SealOnPage) -> None:
        self._acceptance = acceptance
        self._language = language
        self._seal = seal
        self._wording = Wording(language)

    def blocks(self) -> Iterator[Block]:
        """In the order of the pages."""
        found = self._acceptance.commissioning
        yield Heading(self._say("title"), 1)
        yield Paragraph(self._say("observes"), Tone.QUIET)
        yield Pairs(
            (
                (self._say("registration"), self._acceptance.lift_no or "-"),
                (self._say("lift"), found.lift),
                (self._say("box"), found.device_id),
                (self._say("software"), found.agent_version),
                (self._say("made"), moment_words(found.made_utc_s, self._language)),
                (self._say("person"), self._acceptance.person or "-"),
                (self._say("firm"), self._acceptance.firm or "-"),
            )
        )
        yield self._result(found)
        yield Heading(self._say("steps"))
        yield self._overview(found)
        for result in found.results:
            yield from self._step(result)
        if self._acceptance.photos:
            yield Heading(self._say("photos"))
            yield from self._acceptance.photos
        yield from self._form()
        yield Heading(self._say("seal"))
        yield Pairs(((self._say("digest"), self._seal.digest.hex()), (self._say("key"), self._seal.key_text)))
        yield Paragraph(self._say("how_to_check"), Tone.QUIET)

    def _say(self, key: str, **values: str | int | float) -> str:
        return report_words(key, self._language, **values)

    def _result(self, found: Commissioning) -> Paragraph:
        passed, doubtful, failed, _ = verdict_counts(found)
        if failed:
            return Paragraph(f"{self._say('result')}: {self._say('some_failed', failed=failed)}", Tone.BAD)
        if doubtful:
            return Paragraph(f"{self._say('result')}: {self._say('some_doubtful', doubtful=doubtful)}", Tone.DOUBT)
        if passed == len(StepName):
            return Paragraph(f"{self._say('result')}: {self._say('all_passed')}", Tone.GOOD)
        if not passed:
            return Paragraph(f"{self._say('result')}: {self._say('nothing_done')}", Tone.BAD)
        missing = len(StepName) - passed
        return Paragraph(f"{self._say('result')}: {self._say('some_missing', missing=missing)}", Tone.DOUBT)

    def _overview(self, found: Commissioning) -> Grid:
        rows, tones = [], []
        for step in StepName:
            result = found.result(step)
            verdict = self._say("not_done") if result is None else self._say(result.verdict.value)
            reasons = "" if result is None else "; ".join(self._wording.sentence(reason) for reason in result.reasons)
            rows.append((self._say(step.value), verdict, reasons))
            tones.append(Tone.QUIET if result is None else _TONES[result.verdict])
        return Grid((self._say("step"), self._say("verdict"), self._say("reason")), tuple(rows), tuple(tones))

    def _step(self, result: StepResult) -> Iterator[Block]:
        yield Heading(f"{self._say(result.step.value)}: {self._say(result.verdict.value)}")
        for reason in result.reasons:
            yield Paragraph(self._wording.sentence(reason), _TONES[result.verdict])
        if result.next_action is not None:
            action = self._wording.sentence(result.next_action)
            yield Paragraph(self._say("next_action", action=action), Tone.DOUBT)
        if result.measured:
            yield self._measured(result.measured)
        for table in result.tables:
            yield Heading(self._wording.name(table.name), 3)
            yield self._table(table)
        for plot in result.plots:
            yield Picture(self._wording.name(plot.name), self._drawing(plot))
        if result.settings:
            yield Heading(self._say("settings"), 3)
            yield Pairs(result.settings)
        if result.recording is not None:
            yield Paragraph(self._say("recording", name=result.recording), Tone.QUIET)

    def _measured(self, measured: Sequence[Measured]) -> Grid:
        rows, tones = [], []
        for each in measured:
            has_range = each.expected_min is not None or each.expected_max is not None
            judged = self._say("within" if each.is_expected else "outside") if has_range else self._say("no_range")
            value = f"{number_words(each.value)} {each.unit}".strip()
            rows.append((self._wording.name(each.name), value, self._range(each), judged))
            tones.append(Tone.PLAIN if each.is_expected else Tone.BAD)
        columns = tuple(self._say(name) for name in ("measured", "value", "expected", "verdict"))
        return Grid(columns, tuple(rows), tuple(tones))

    def _range(self, each: Measured) -> str:
        low, high = each.expected_min, each.expected_max
        if low is not None and high is not None:
            return self._say("between", low=number_words(low), high=number_words(high))
        if low is not None:
            return self._say("at_least", low=number_words(low))
        return self._say("no_range") if high is None else self._say("at_most", high=number_words(high))

    def _table(self, table: Table) -> Grid:
        rows = tuple(tuple(self._cell(cell) for cell in row) for row in table.rows)
        return Grid(tuple(self._wording.name(each) for each in table.columns), rows, (Tone.PLAIN,) * len(rows))

    def _cell(self, cell: Cell) -> str:
        return "" if cell is None else self._wording.cell(cell)

    def _drawing(self, plot: Plot) -> Drawing:
        curves = [Curve(self._wording.name(each.name), each.x, each.y) for each in plot.series]
        labels = (
            f"{self._wording.name(name)}, {unit}" if unit else self._wording.name(name)
            for name, unit in ((plot.x_name, plot.x_unit), (plot.y_name, plot.y_unit))
        )
        return drawing_of(curves, *labels)

    def _form(self) -> Iterator[Block]:
        yield NewPage()
        yield Heading(self._say("acceptance"))
        found = self._acceptance.commissioning
        yield Pairs(
            (
                (self._say("registration"), self._acceptance.lift_no or "-"),
                (self._say("lift"), found.lift),
                (self._say("made"), moment_words(found.made_utc_s, self._language)),
            )
        )
        yield Paragraph(self._say("accepted"))
        yield Lines(self._say("remarks"), 3)
        columns = tuple(self._say(name) for name in ("name", "signature", "date"))
        yield Signatures(columns, tuple(self._say(name) for name in ("installer", "maintenance_firm", "owner")))


def number_words(value: float) -> str:
    """At most five digits, no needless zeros."""
    return str(value) if isinstance(value, int) else f"{value:.5g}"
