"""`edge-agent report`: the files it writes, read by others, and whether it tells a genuine one from an altered one."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from pypdf import PdfReader

from calibration.report import content_of, document_of
from calibration.report_html import page_of
from calibration.report_pdf import ATTACHMENT, FONT_PACKAGE, find_font, pdf_of
from calibration.report_ride import measured_trips, ride_document, trace_of
from calibration.words import CalibrationError
from calibration.words_json import to_json
from edge_agent.__main__ import main
from edge_agent.cli.replay import detector_for
from edge_agent.key_file import key_in
from edge_agent.recording import Recording
from edge_agent.recording_writer import RecordingWriter
from edge_agent.report_seal import open_report, sealed_text
from edge_agent.wire_sealing import SEED_BYTES, SigningKey
from sim.library import load_scenario
from sim.scenario import play
from tests.calibration.report_material import KEY, acceptance, commissioning, png, seal_on

Output = pytest.CaptureFixture[str]
S = 1_000_000_000
CONFIG = """\
[lift]
id = "a-1"
registration_code = "31104403201900012"
[accelerometer]
chip = "adxl345"
[delivery]
receivers = [{ name = "firm", url = "http://127.0.0.1:9" }]
[state]
folder = "state"
"""


def text_in(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


@pytest.fixture(scope="module")
def chinese_pdf() -> bytes:
    found = acceptance()
    return pdf_of(document_of(found, "zh", seal_on(found)), find_font())


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A folder with settings, the key of the test box, and a commissioning of it. Returns the settings file."""
    state = tmp_path / "state"
    (state / "calibration").mkdir(parents=True)
    (state / "record.key").write_text(bytes(range(SEED_BYTES)).hex() + "\n", encoding="ascii")
    (state / "calibration" / "commissioning.json").write_text(to_json(commissioning()), encoding="utf-8")
    config = tmp_path / "box.toml"
    config.write_text(CONFIG, encoding="utf-8")
    assert key_in(state / "record.key")[0].public == KEY.public
    return config


def write(box: Path, *more: str) -> Path:
    out = box.parent / "out"
    assert main(["report", "commissioning", "--config", str(box), "--out", str(out), "--person", "王建国", *more]) == 0
    return out


# ---- the PDF, opened by another library


def test_another_reader_finds_the_chinese_text_in_the_pdf(chinese_pdf: bytes) -> None:
    text = text_in(chinese_pdf)
    for words in (
        "投运报告及验收单",
        "31104403201900012",
        "王建国",
        "津门电梯维保",
        "验收",
        "签字",
        "日期",
        "使用单位",
        "超出",
    ):
        assert words in text
    assert "第 1 页 共" in text


def test_the_pdf_carries_a_subset_of_its_font_and_the_photo_and_the_sealed_content(chinese_pdf: bytes) -> None:
    reader = PdfReader(io.BytesIO(chinese_pdf))
    fonts = {str(font) for page in reader.pages for font in page["/Resources"]["/Font"].values()}  # type: ignore[index]
    assert fonts
    assert len(chinese_pdf) < 400_000  # the whole font has five million
    assert sum(len(page.images) for page in reader.pages) == 1
    (sealed,) = reader.attachments[ATTACHMENT]
    assert open_report(sealed).content == content_of(acceptance())


def test_the_same_content_makes_the_same_pdf(chinese_pdf: bytes) -> None:
    found = acceptance()
    assert pdf_of(document_of(found, "zh", seal_on(found)), find_font()) == chinese_pdf


def test_a_pdf_without_a_date_has_one_that_says_nothing_of_the_day_it_was_written() -> None:
    found = acceptance(made_utc_s=None, has_photo=False)
    document = document_of(found, "en", seal_on(found))
    assert pdf_of(document, find_font()) == pdf_of(document, find_font())
    meta = PdfReader(io.BytesIO(pdf_of(document, find_font()))).metadata
    assert meta is not None
    assert meta.creation_date is not None
    assert meta.creation_date.year == 2000


def test_where_there_is_no_font_the_debian_package_is_named(tmp_path: Path) -> None:
    with pytest.raises(CalibrationError, match=FONT_PACKAGE):
        find_font(tmp_path / "none.ttf")
    (tmp_path / "bad.ttf").write_bytes(b"no font")
    found = acceptance(has_photo=False)
    with pytest.raises(CalibrationError, match=FONT_PACKAGE):
        pdf_of(document_of(found, "en", seal_on(found)), tmp_path / "bad.ttf")


# ---- the command


def test_page_pdf_and_sealed_content_are_written_and_are_genuine(box: Path, capsys: Output) -> None:
    photo = box.parent / "roof.png"
    photo.write_bytes(png(64, 48))
    out = write(box, "--photo", str(photo), "--lang", "zh")
    capsys.readouterr()
    assert main(["report", "--verify", f"{out}.html"]) == 0
    assert "The pages show what was sealed" in capsys.readouterr().out
    assert main(["report", "--verify", f"{out}.pdf", "--photo", str(photo), "--lang", "zh"]) == 0
    said = capsys.readouterr().out
    assert "页面与签名内容一致" in said
    assert KEY.public.fingerprint.hex() in said
    assert main(["report", "--verify", f"{out}.pdf"]) == 1
    assert "not compared" in capsys.readouterr().out
    assert main(["report", "--verify", f"{out}.sealed.txt"]) == 0


def test_written_twice_the_files_are_the_same(box: Path) -> None:
    first = {path.name: path.read_bytes() for path in write(box).parent.glob("out.*")}
    assert len(first) == 3
    assert {path.name: path.read_bytes() for path in write(box).parent.glob("out.*")} == first


@pytest.mark.parametrize("ending", [".html", ".pdf"])
def test_a_figure_that_was_changed_on_the_page_is_noticed(box: Path, capsys: Output, ending: str) -> None:
    path = Path(f"{write(box)}{ending}")
    data = path.read_bytes()
    changed = data.replace(b"OUTSIDE", b"within!") if ending == ".html" else data.replace(b"/Count 4", b"/Count 3")
    if changed == data:
        changed = data.replace(b"595.28", b"595.27", 1)
    assert changed != data
    path.write_bytes(changed)
    assert main(["report", "--verify", str(path)]) == 1
    assert "they were altered" in capsys.readouterr().out


def test_content_that_was_changed_and_sealed_by_another_key_is_refused(box: Path, capsys: Output) -> None:
    other = SigningKey(bytes(SEED_BYTES))
    forged = box.parent / "forged.txt"
    forged.write_text(sealed_text(content_of(acceptance(has_photo=False)), other), encoding="ascii")
    assert main(["report", "--verify", str(forged)]) == 2
    assert "it speaks of" in capsys.readouterr().err


def test_what_is_no_report_is_refused(tmp_path: Path, capsys: Output) -> None:
    path = tmp_path / "letter.html"
    path.write_text("<!DOCTYPE html><p>a letter</p>", encoding="utf-8")
    assert main(["report", "--verify", str(path)]) == 2
    assert "no sealed block" in capsys.readouterr().err


def test_a_commissioning_of_another_box_is_not_sealed_here(box: Path, capsys: Output) -> None:
    (box.parent / "state" / "record.key").write_text(bytes(SEED_BYTES).hex() + "\n", encoding="ascii")
    assert main(["report", "commissioning", "--config", str(box), "--no-pdf"]) == 3
    assert "no other can seal it" in capsys.readouterr().err


def test_a_box_without_a_key_makes_none_for_a_report(box: Path, capsys: Output) -> None:
    (box.parent / "state" / "record.key").unlink()
    assert main(["report", "commissioning", "--config", str(box), "--no-pdf"]) == 3
    assert "no key yet" in capsys.readouterr().err
    assert not (box.parent / "state" / "record.key").exists()


def test_called_without_anything_it_says_how_to_call_it(capsys: Output) -> None:
    assert main(["report"]) == 2
    assert "--verify FILE" in capsys.readouterr().err


# ---- ride quality


@pytest.fixture(scope="module")
def ride(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the simulator with trips."""
    path = tmp_path_factory.mktemp("ride") / "ride.liftrec"
    played = play(load_scenario("re-levelling"), seed=1)
    writer = RecordingWriter(path, played.installation, None)
    for reading in played.raw_readings(start_ns=1_000 * S):
        writer.write(reading)
    writer.close()
    return path


def test_a_ride_report_states_the_figures_of_the_core_with_their_error(ride: Path) -> None:
    recording = Recording.open(ride)
    trips, count = measured_trips(recording.joined(), detector_for(recording.meta, ride))
    assert 1 <= len(trips) <= count
    measured = trips[0]
    trace = trace_of(Recording.open(ride).joined(), measured)
    page = page_of(ride_document(measured, trace, (1, len(trips)), "a-1", "en", None))
    motion, error = measured.report.motion, measured.report.error
    assert f"{motion.speed_mps_v95:.3f} m/s" in page
    assert f"± {motion.speed_mps_v95 * error.speed_ratio:.3f} m/s" in page
    assert f"{measured.report.distance_m:.3f} m" in page
    assert "does not judge fitness" in page
    assert "not sealed" in page


def test_the_drawn_speed_is_that_of_the_trip(ride: Path) -> None:
    recording = Recording.open(ride)
    trips, _ = measured_trips(recording.joined(), detector_for(recording.meta, ride))
    for measured in trips:
        trace = trace_of(Recording.open(ride).joined(), measured)
        top = max(abs(speed) for speed in trace.speed_mps)
        assert top == pytest.approx(measured.report.motion.speed_mps, rel=0.03)
        run_s = (measured.report.end_ns - measured.report.start_ns) / S
        at_end = [speed for t_s, speed in zip(trace.seconds, trace.speed_mps, strict=True) if t_s <= run_s]
        assert abs(at_end[-1]) < 0.05


def test_the_ride_command_writes_page_and_pdf_in_chinese(ride: Path, tmp_path: Path) -> None:
    out = tmp_path / "ride"
    assert main(["report", "ride", str(ride), "--out", str(out), "--lang", "zh"]) == 0
    assert "乘运质量报告" in Path(f"{out}.html").read_text(encoding="utf-8")
    assert "仪器误差" in text_in(Path(f"{out}.pdf").read_bytes())
    assert not Path(f"{out}.sealed.txt").exists()


def test_a_trip_that_is_not_there_is_said(ride: Path, tmp_path: Path, capsys: Output) -> None:
    assert main(["report", "ride", str(ride), "--out", str(tmp_path / "x"), "--trip", "99", "--no-pdf"]) == 2
    assert "there is no trip 99" in capsys.readouterr().err
