"""Upper bounds against tabled values."""

from __future__ import annotations

from math import exp

import pytest

from sim.poisson import Stratum, gamma_below, rate, rate_upper

# One-sided 95 % upper limits of a Poisson mean. Source: tables in any text on counting statistics (Garwood).
TABLED = ((0, 2.996), (1, 4.744), (2, 6.296), (3, 7.754), (5, 10.513), (10, 16.962))


@pytest.mark.parametrize(("count", "upper"), TABLED)
def test_upper_bound_of_one_count_is_the_tabled_one(count: int, upper: float) -> None:
    assert rate_upper([Stratum(count, 1.0)]) == pytest.approx(upper, abs=0.001)
    assert rate_upper([Stratum(count, 4.0)]) == pytest.approx(upper / 4.0, abs=0.001)


def test_gamma_function_of_shape_1_is_the_exponential_law() -> None:
    assert gamma_below(1.0, 2.5) == pytest.approx(1.0 - exp(-2.5))


def test_strata_of_equal_exposure_are_as_good_as_one() -> None:
    assert rate([Stratum(1, 2.0), Stratum(2, 2.0)]) == pytest.approx(1.5)
    assert rate_upper([Stratum(1, 2.0), Stratum(2, 2.0)]) == pytest.approx(rate_upper([Stratum(3, 2.0)]))


def test_stratum_that_was_never_run_adds_nothing_and_nothing_run_bounds_nothing() -> None:
    assert rate([Stratum(0, 0.0), Stratum(1, 2.0)]) == 0.5
    assert rate_upper([Stratum(0, 0.0)]) == float("inf")


def test_bound_of_strata_lies_above_that_of_the_thinnest_alone() -> None:
    thin, thick = Stratum(1, 0.5), Stratum(3, 20.0)
    assert rate_upper([thin, thick]) > rate([thin, thick])
    assert rate_upper([thin, thick]) > rate_upper([thin])
