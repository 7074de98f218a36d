"""An independent generator of recordings: nothing that it demands is missed, nobody is sent out for nothing.

One short recording of each family runs always, except of those that are much like another one; with `-m campaign` run
all of them, a second of each, many more, and the long nights. The lists of known problems must shrink: a problem that
is gone fails its test until it is taken off its list.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.alarms import AlarmKind
from tests.detect.generated import Judgement, implemented_kinds, judged
from tests.second_generator.families import FAMILIES

SHORT: dict[str, tuple[int, int]] = {
    "normal_hydraulic": (39, 44),
    "normal_two_speed": (58, 34),
    "normal_vvvf": (17, 58),
    "normal_fast_vvvf": (27, 47),
    "normal_highrise": (52, 44),
    "normal_home": (15, 28),
    "normal_goods": (21, 30),
    "empty_call_then_park": (37, 15),
    "no_contacts": (34, 5),
    "one_contact": (44, 60),
    "inspection": (54, 50),
    "empty_stop": (32, 46),
    "trapped_blind": (30, 18),
    "trapped_pir": (55, 24),
    "trapped_ctrl": (46, 19),
    "trapped_pir_ctrl": (12, 8),
    "trapped_dead_pir": (4, 6),
    "trapped_landing_shut": (24, 11),
    "trapped_landing_gap": (18, 7),
    "trapped_recovers": (14, 52),
    "trapped_rescued": (45, 56),
    "furniture": (20, 17),
    "jumping": (52, 25),
    "door_will_not_close": (18, 14),
    "door_half_open": (26, 24),
    "contact_opens_in_motion": (53, 46),
    "door_forced_in_motion": (47, 23),
    "door_chatter": (44, 39),
    "one_contact_trapped": (11, 36),
    "unintended_movement": (57, 2),
    "overspeed": (39, 44),
    "power_dip_idle": (32, 50),
    "power_dip_ride": (56, 1),
    "sensor_frozen": (48, 58),
    "sensor_absent": (49, 25),
    "box_knocked": (19, 38),
    "box_turned": (26, 44),
}
"""The shortest recordings among sixty seeds; a family that is not named here runs with seeds 1 and 2."""

LONG = ("overnight", "overnight_pir_glitch")

KNOWN: dict[tuple[str, int], dict[str, str]] = {}
"""What is wrong today, by recording: the problem and its reason."""

CAMPAIGN_SEEDS = (101, 102, 103, 104)
KNOWN_IN_CAMPAIGN: dict[tuple[str, int], dict[str, str]] = {}
"""The same for the many recordings that run with `-m campaign`."""

ALIKE = (
    "normal_fast_vvvf",
    "normal_highrise",
    "normal_goods",
    "no_contacts",
    "trapped_pir",
    "trapped_ctrl",
    "trapped_dead_pir",
    "trapped_landing_gap",
    "sensor_absent",
    "power_dip_ride",
    "overspeed",
)

RECORDINGS = [
    pytest.param(family, seed, marks=() if k == 0 and family not in ALIKE else pytest.mark.campaign)
    for family in FAMILIES
    if family not in LONG
    for k, seed in enumerate(SHORT.get(family, (1, 2)))
]
CAMPAIGN = [
    (family, seed) for family in FAMILIES for seed in (CAMPAIGN_SEEDS[:1] if family in LONG else CAMPAIGN_SEEDS)
]


def show(judgement: Judgement) -> None:
    """Printed where the test fails, or with `-s`."""
    verdict = judgement.verdict
    for what, sentences in (
        ("missed", judgement.missed),
        ("false", judgement.false),
        ("overstayed", verdict.overstayed),
        ("trips missed", verdict.trips_missed),
        ("trips false", verdict.trips_false),
    ):
        for sentence in sentences:
            print(f"{judgement.name}: {what}: {sentence}")


def test_the_kinds_that_part_one_promises_are_implemented() -> None:
    promised = {
        AlarmKind.ENTRAPMENT,
        AlarmKind.DOOR_OPEN_IN_MOTION,
        AlarmKind.EMERGENCY_STOP,
        AlarmKind.STOPPED_OUTSIDE_DOOR_ZONE,
        AlarmKind.DOOR_OPEN_FAILURE,
        AlarmKind.DOOR_CLOSE_FAILURE,
        AlarmKind.SENSOR_FAULT,
        AlarmKind.CONTROLLER_LINK_LOST,
    }
    assert promised <= implemented_kinds()


def test_the_lists_name_recordings_that_are_run() -> None:
    assert set(KNOWN) <= {(family, seed) for family, seeds in SHORT.items() for seed in seeds}
    assert set(KNOWN_IN_CAMPAIGN) <= set(CAMPAIGN)
    assert set(SHORT) | set(LONG) == set(FAMILIES)


@pytest.mark.parametrize(("family", "seed"), RECORDINGS, ids=lambda value: str(value))
def test_nothing_is_missed_and_nobody_is_sent_out_for_nothing(family: str, seed: int, tmp_path: Path) -> None:
    judgement = judged(family, seed, tmp_path)
    show(judgement)
    assert judgement.problems == sorted(KNOWN.get((family, seed), {})), "new problem, or one to take off the list"


@pytest.mark.campaign
@pytest.mark.timeout(600)
@pytest.mark.parametrize(("family", "seed"), CAMPAIGN, ids=lambda value: str(value))
def test_in_many_more_recordings_only_what_is_known_goes_wrong(family: str, seed: int, tmp_path: Path) -> None:
    judgement = judged(family, seed, tmp_path)
    show(judgement)
    assert judgement.problems == sorted(KNOWN_IN_CAMPAIGN.get((family, seed), {})), "new, or one to take off the list"
