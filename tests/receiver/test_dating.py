"""Dates of boxes without a clock: the true time is always inside the interval."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from receiver.dating import BootContacts, Contact, Moment, When, when

START_MS = 1_795_459_200_000  # Unix time at which boot 3 of the box began


def contacts(boot: int, *found: tuple[int, int]) -> BootContacts:
    first, last = Contact(*found[0]), Contact(*found[-1])
    return BootContacts(boot, first, last)


def test_an_event_is_dated_from_the_batch_that_brought_it() -> None:
    found = when(Moment(3, 10_000), START_MS + 12_000, [contacts(3, (12_000, START_MS + 12_000))])
    assert found == When(START_MS + 10_000 - 30_000 - 1, START_MS + 10_000 + 1)


def test_a_wall_stamp_narrows_the_interval() -> None:
    moment = Moment(3, 10_000, START_MS + 9_000, 50)
    found = when(moment, START_MS + 12_000, [contacts(3, (12_000, START_MS + 12_000))])
    assert found == When(START_MS + 8_950, START_MS + 9_050)


def test_a_wall_stamp_that_cannot_be_true_is_ignored() -> None:
    bare = when(Moment(3, 10_000), START_MS + 12_000, [contacts(3, (12_000, START_MS + 12_000))])
    year_off = Moment(3, 10_000, START_MS + 365 * 86_400_000, 50)
    assert when(year_off, START_MS + 12_000, [contacts(3, (12_000, START_MS + 12_000))]) == bare


def test_a_boot_without_contact_lies_between_its_neighbours() -> None:
    known = [contacts(1, (5_000, START_MS + 5_000)), contacts(4, (1_000, START_MS + 900_000))]
    assert when(Moment(3, 77), START_MS + 900_000, known) == When(START_MS + 5_000 - 30_000, START_MS + 899_000)


def test_a_first_boot_without_contact_has_no_lower_bound() -> None:
    assert when(Moment(1, 77), START_MS + 900_000, [contacts(4, (1_000, START_MS + 900_000))]) == When(
        None, START_MS + 899_000
    )


def test_nothing_happened_after_its_record_arrived() -> None:
    assert when(Moment(3, 10_000), START_MS + 4_000, [contacts(3, (12_000, START_MS + 12_000))]).latest_ms == (
        START_MS + 4_000
    )


@given(
    event_ms=st.integers(0, 10**9),
    sendings=st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 30_000)), min_size=1, max_size=5),
    drift_ppm=st.integers(-100, 100),
)
def test_the_true_time_is_inside_with_any_delay_and_drift(
    event_ms: int, sendings: list[tuple[int, int]], drift_ppm: int
) -> None:
    def box_clock(true_ms: int) -> int:
        return true_ms + true_ms * drift_ppm // 1_000_000

    arrivals = sorted((box_clock(sent_ms), START_MS + sent_ms + delay_ms) for sent_ms, delay_ms in sendings)
    arrived_ms = max([START_MS + event_ms, *(at_ms for _, at_ms in arrivals)])
    found = when(Moment(3, box_clock(event_ms)), arrived_ms, [contacts(3, arrivals[0], arrivals[-1])])
    assert found.earliest_ms is not None
    slack_ms = 2 + 10**9 * 100 * 100 // 10**12  # clocks are read in whole ms, and drift is of the box's own time
    assert found.earliest_ms - slack_ms <= START_MS + event_ms <= found.latest_ms + slack_ms
