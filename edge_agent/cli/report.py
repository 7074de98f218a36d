"""`edge-agent report`: what a calibration found, or how the car rode, as page and PDF; and whether one is genuine.

commissioning [FILE]: the acceptance form of this box, sealed with its key; without FILE, of the calibration in the
state folder. ride RECORDING: ride quality of a measured trip, with the stated error of the instrument.
--verify FILE: page, PDF or sealed block; is the seal right, and do the pages show what was sealed? Exit status: 0 yes,
1 the seal is right and the pages are not shown to be, 2 refused.
"""

from __future__ import annotations

import argparse
import re
import sys
import warnings
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

from calibration.guided_store import FOLDER, RESULTS_FILE
from calibration.report import (
    Acceptance,
    PhotosMissing,
    SealOnPage,
    acceptance_from,
    content_of,
    document_of,
    moment_words,
    verdict_counts,
)
from calibration.report_blocks import Document, Photo
from calibration.report_html import page_of
from calibration.report_photos import PHOTO_BYTES_MAX, photo_of
from calibration.report_ride import MeasuredTrip, measured_trips, ride_document, trace_of
from calibration.words import CalibrationError, Commissioning
from calibration.words_json import JSON_BYTES_MAX, from_json
from edge_agent.catalogue_report import report_words
from edge_agent.cli import SUMMARIES
from edge_agent.cli.replay import detector_for
from edge_agent.cli.settings_file import load_settings
from edge_agent.cli.state_folder import KEY_FILE
from edge_agent.errors import RecordingError, WireError
from edge_agent.key_file import key_in
from edge_agent.local_requests import CommissioningRequest, RequestFolder
from edge_agent.recording import Recording
from edge_agent.report_seal import FILE_BYTES_MAX, OpenedReport, open_report, sealed_text
from edge_agent.wire_sealing import SigningKey

if TYPE_CHECKING:
    from argparse import _SubParsersAction

WAIT_S = 5.0  # the agent looks once a second
REFUSED = 2
LANGUAGES = ("en", "zh")
_PHOTO_ON_PAGE = re.compile(rb'src="data:image/(?:jpeg|png);base64,([A-Za-z0-9+/=]*)"')


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("report", help=SUMMARIES["report"], description=__doc__)
    parser.add_argument("what", nargs="?", choices=("commissioning", "ride"))
    parser.add_argument("path", nargs="?", metavar="PATH", help="the result of a calibration; the recording of a trip")
    parser.add_argument("--verify", metavar="FILE", type=Path, help="check a report instead of writing one")
    parser.add_argument("--config", metavar="FILE", help="settings file of this box (commissioning)")
    parser.add_argument("--out", metavar="NAME", default="report", help="writes NAME.html, NAME.pdf, NAME.sealed.txt")
    parser.add_argument("--lang", choices=LANGUAGES, default="en")
    parser.add_argument("--person", default="", help="who commissioned the lift")
    parser.add_argument("--firm", default="", help="for which firm")
    parser.add_argument("--photo", metavar="FILE", type=Path, action="append", default=[], help="JPEG or PNG")
    parser.add_argument("--trip", type=int, help="ride: which trip of the recording, from 1 (the longest)")
    parser.add_argument("--font", metavar="FILE", type=Path, help="font with Chinese for the PDF")
    parser.add_argument("--no-pdf", action="store_true", help="write no PDF")
    parser.add_argument("--send", action="store_true", help="have the agent record its digest (73)")


def run(args: argparse.Namespace) -> int:
    """Write or check. Raises EdgeAgentError."""
    if args.verify is not None:
        return _verify(args)
    if args.what == "commissioning" and args.config is not None:
        return _commissioning(args)
    if args.what == "ride" and args.path is not None:
        return _ride(args)
    print("report commissioning [FILE] --config FILE | report ride RECORDING | report --verify FILE", file=sys.stderr)
    return REFUSED


# ---- commissioning


def _commissioning(args: argparse.Namespace) -> int:
    settings = load_settings(args.config)
    folder = Path(settings.state_folder)
    path = Path(args.path) if args.path is not None else folder / FOLDER / RESULTS_FILE
    commissioning = from_json(_read(path, JSON_BYTES_MAX).decode("utf-8", "replace"))
    key = _key_of(folder)
    if key.public.fingerprint.hex() != commissioning.device_id:
        raise CalibrationError(
            f"it is of box {commissioning.device_id}, and this one is {key.public.fingerprint.hex()}",
            subject=str(path),
            hint="Write the report on the box that was calibrated: no other can seal it",
        )
    photos = tuple(photo_of(_read(photo, PHOTO_BYTES_MAX), photo.stem) for photo in args.photo)
    lift_no = settings.registration_code or settings.lift.lift_id
    acceptance = _acceptance(commissioning, lift_no, args.person, args.firm, photos)
    sealed = open_report(sealed_text(content_of(acceptance), key).encode("ascii"))
    document = document_of(acceptance, args.lang, _seal_of(sealed))
    _write(document, args)
    _put(Path(f"{args.out}.sealed.txt"), sealed.text.encode("ascii"), args.lang)
    if not args.send:
        return 0
    passed, doubtful, failed, skipped = verdict_counts(commissioning)
    request = CommissioningRequest("", sealed.digest.hex(), passed, doubtful, failed, skipped, args.person, args.lang)
    is_done, words = RequestFolder(folder).ask_commissioning(request, WAIT_S)
    print(words)
    return 0 if is_done else 1


def _acceptance(
    commissioning: Commissioning, lift_no: str, person: str, firm: str, photos: tuple[Photo, ...]
) -> Acceptance:
    try:
        return Acceptance(commissioning, lift_no, person, firm, photos)
    except ValueError as error:
        raise CalibrationError(str(error), subject="report", hint="Give fewer photos or shorter names") from error


def _key_of(folder: Path) -> SigningKey:
    """The first key of the box; it is not made here."""
    path = folder / KEY_FILE
    if not path.exists():
        hint = "Start the agent once, and run this as its user"
        raise CalibrationError("this box has no key yet", subject=str(path), hint=hint)
    return key_in(path)[0]


def _seal_of(opened: OpenedReport) -> SealOnPage:
    return SealOnPage(opened.text, opened.digest, opened.key.text)


# ---- ride quality


def _ride(args: argparse.Namespace) -> int:
    path = Path(args.path)
    recording = Recording.open(path)
    trips, count = measured_trips(recording.joined(), detector_for(recording.meta, path))
    if not trips:
        raise RecordingError(
            f"none of {count} trips could be measured",
            subject=str(path),
            hint="Needed are 10 s of standstill, then a trip without gaps at 25 samples a second or more",
        )
    number = args.trip if args.trip is not None else 1 + trips.index(max(trips, key=_length))
    if not 1 <= number <= len(trips):
        hint = f"Measured are 1 to {len(trips)}"
        raise RecordingError(f"there is no trip {number}", subject=str(path), hint=hint)
    measured = trips[number - 1]
    trace = trace_of(Recording.open(path).joined(), measured)
    start = recording.meta.start_utc
    made_utc_s = None if start is None else round((start if start.tzinfo else start.replace(tzinfo=UTC)).timestamp())
    lift = recording.meta.installation.lift.lift_id
    _write(ride_document(measured, trace, (number, len(trips)), lift, args.lang, made_utc_s), args)
    return 0


def _length(measured: MeasuredTrip) -> float:
    return measured.report.distance_m


# ---- writing


def _write(document: Document, args: argparse.Namespace) -> None:
    pdf = None if args.no_pdf else _pdf_of(document, args.font)  # what is missing is said before anything is written
    _put(Path(f"{args.out}.html"), page_of(document).encode("utf-8"), args.lang)
    if pdf is not None:
        _put(Path(f"{args.out}.pdf"), pdf, args.lang)


def _pdf_of(document: Document, font: Path | None) -> bytes:
    warnings.filterwarnings("ignore", message="Pillow could not be imported")  # said where there is a photograph
    try:
        from calibration.report_pdf import find_font, pdf_of
    except ImportError as error:
        hint = "Install it: pip install 'lift-edge-agent[report]'; or write HTML only with --no-pdf"
        raise CalibrationError(f"a PDF needs fpdf2 ({error})", subject="report", hint=hint) from error
    return pdf_of(document, find_font(font))


def _put(path: Path, data: bytes, language: str) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        hint = "Name another place with --out"
        raise CalibrationError(f"it cannot be written: {error.strerror}", subject=str(path), hint=hint) from error
    print(report_words("written", language, path=str(path)))


def _read(path: Path, bytes_max: int) -> bytes:
    try:
        with path.open("rb") as file:
            data = file.read(bytes_max + 1)
    except OSError as error:
        hint = "Check the path; `edge-agent calibrate` writes the results of a calibration"
        raise CalibrationError(f"it cannot be read: {error.strerror}", subject=str(path), hint=hint) from error
    if len(data) > bytes_max:
        raise CalibrationError(f"larger than {bytes_max >> 20} MiB", subject=str(path), hint="Is it the right file?")
    return data


# ---- checking


def _verify(args: argparse.Namespace) -> int:
    data = _read(args.verify, FILE_BYTES_MAX)
    try:
        opened = open_report(data)
        given = [photo_of(_read(photo, PHOTO_BYTES_MAX), photo.stem) for photo in args.photo]
        acceptance, has_photos = _opened(opened, [*given, *_photos_on(data)])
    except (WireError, CalibrationError) as error:
        print(error, file=sys.stderr)
        return REFUSED
    found = acceptance.commissioning
    if opened.key.fingerprint.hex() != found.device_id:
        print(
            f"{args.verify}: sealed by {opened.key.fingerprint.hex()}, and it speaks of {found.device_id}",
            file=sys.stderr,
        )
        return REFUSED
    words = {"box": found.device_id, "lift": acceptance.lift_no or found.lift, "digest": opened.digest.hex()}
    print(report_words("seal_right", args.lang, made=moment_words(found.made_utc_s, args.lang), **words))
    kind = "page" if data.startswith(b"<!DOCTYPE html>") else "pdf" if data.startswith(b"%PDF") else ""
    outcome = "no_pages"
    if kind and not has_photos:
        outcome = "pages_not_compared"
    elif kind:
        outcome = "pages_same" if data in _pages_again(acceptance, opened, kind, args.font) else "pages_differ"
    print(report_words(outcome, args.lang))
    return 0 if outcome in ("no_pages", "pages_same") else 1


def _opened(opened: OpenedReport, photos: list[Photo]) -> tuple[Acceptance, bool]:
    """What was sealed; and whether the photos are all there. Raises CalibrationError."""
    try:
        return acceptance_from(opened.content, photos), True
    except PhotosMissing:
        return acceptance_from(opened.content, None), False


def _photos_on(page: bytes) -> Iterator[Photo]:
    for found in _PHOTO_ON_PAGE.finditer(page):
        try:
            yield photo_of(b64decode(found.group(1)), "photo")
        except (ValueError, CalibrationError):
            continue  # it is none of those that were sealed, then


def _pages_again(acceptance: Acceptance, opened: OpenedReport, kind: str, font: Path | None) -> Iterator[bytes]:
    """What this program writes for this content, in each language."""
    for language in LANGUAGES:
        document = document_of(acceptance, language, _seal_of(opened))
        yield page_of(document).encode("utf-8") if kind == "page" else _pdf_of(document, font)
