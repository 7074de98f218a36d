"""The words of a calibration: exact and bounded, in memory and as JSON."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from calibration.words import (
    POINTS_MAX,
    CalibrationError,
    Commissioning,
    Measured,
    Plot,
    Said,
    Series,
    StepName,
    StepResult,
    Table,
    Verdict,
    said,
    thinned_series,
)
from calibration.words_json import from_json, to_json

WHOLE = Commissioning(
    "0123456789abcdef",
    "north 2",
    "0.1.0",
    1_700_000_000,
    (
        StepResult(
            StepName.MOUNT,
            Verdict.DOUBTFUL,
            (said("mount.tilted", degrees=3.5, axis="x"),),
            said("mount.level_it"),
            (Measured("tilt_deg", 3.5, "deg", None, 3.0),),
            (Table("axes", ("axis", "gravity_mps2"), (("x", 0.1), ("z", None), ("名", 3))),),
            (Plot("spectrum", "frequency", "Hz", "density", "m/s2", (Series("z", (0.0, 1.5), (0.25, 1e-9)),)),),
            (("lift.rated_speed_mps", "1.75"),),
            "mount.liftrec",
        ),
        StepResult(StepName.SIGNAL, Verdict.SKIPPED),
    ),
)


def test_a_commissioning_comes_back_from_json_as_it_was() -> None:
    assert from_json(to_json(WHOLE)) == WHOLE


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=20), st.text(max_size=30))
def test_every_number_and_text_comes_back_exactly(values: list[float], text: str) -> None:
    plot = Plot(text, text, text, text, text, (Series(text, tuple(values), tuple(reversed(values))),))
    whole = Commissioning("00", text, text, None, (StepResult(StepName.NOISE, Verdict.PASSED, plots=(plot,)),))
    written = to_json(whole)
    assert from_json(written) == whole
    assert to_json(from_json(written)) == written


def test_the_same_content_gives_the_same_bytes_with_sorted_keys() -> None:
    written = to_json(WHOLE)
    assert written == json.dumps(json.loads(written), sort_keys=True, ensure_ascii=False)


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda top: top.update(format=2), "format"),
        (lambda top: top.update(extra=1), "commissioning"),
        (lambda top: top["results"][0].update(step="dance"), "results[0]"),
        (lambda top: top["results"][0]["measured"][0].update(value="3"), "results[0].measured[0].value"),
        (lambda top: top["results"][0]["measured"][0].pop("unit"), "results[0].measured[0]"),
        (lambda top: top["results"][0]["plots"][0]["series"][0]["x"].append(1.0), "results[0].plots[0].series[0]"),
        (lambda top: top["results"][0]["tables"][0]["rows"][0].append(1), "results[0].tables[0]"),
        (lambda top: top["results"].append(top["results"][1]), "commissioning"),
        (lambda top: top.update(made_utc_s=True), "made_utc_s"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_place(change, place: str) -> None:  # type: ignore[no-untyped-def]
    top = json.loads(to_json(WHOLE))
    change(top)
    with pytest.raises(CalibrationError) as refused:
        from_json(json.dumps(top))
    assert refused.value.subject == place


@pytest.mark.parametrize(
    "text", ["", "[", "[]", "{}", '{"format": NaN}', "[" * 100_000, "1" * (9 << 20), '{"lift": "\\ud800"}']
)
def test_what_is_no_commissioning_is_refused(text: str) -> None:
    with pytest.raises(CalibrationError):
        from_json(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True])
def test_what_is_not_finite_is_no_word(value: float) -> None:
    with pytest.raises(ValueError, match=r"finite|truth"):
        Said("key", (("value", value),))
    with pytest.raises(ValueError, match=r"finite|truth"):
        Measured("key", value, "m")


def test_a_series_has_no_more_points_than_a_page_can_draw() -> None:
    many = [float(number) for number in range(POINTS_MAX + 1)]
    with pytest.raises(ValueError, match="at most"):
        Series("z", tuple(many), tuple(many))


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=9_000))
def test_a_thinned_series_keeps_lowest_and_highest(values: list[float]) -> None:
    series = thinned_series("z", range(len(values)), values)
    assert len(series.x) <= POINTS_MAX
    assert (min(series.y), max(series.y)) == (min(values), max(values))
    assert list(series.x) == sorted(series.x)


def test_a_number_is_judged_against_its_range_with_bounds_included() -> None:
    assert Measured("tilt", 3.0, "deg", None, 3.0).is_expected
    assert not Measured("tilt", 3.1, "deg", None, 3.0).is_expected
    assert not Measured("tilt", -0.1, "deg", 0.0).is_expected
