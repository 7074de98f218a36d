"""The sentences of the log."""

from __future__ import annotations

from edge_agent.alarms import Alarm, AlarmKind, AlarmState, DoorState, Evidence, Place, Severity, Trip
from edge_agent.readings import Direction
from edge_agent.story import alarm_sentence, notice_sentence, place_words, record_words, trip_sentence
from edge_agent.wire import Act, IncidentRef, Notice, Stream

RAISED = Alarm(
    t_ns=0,
    kind=AlarmKind.ENTRAPMENT,
    state=AlarmState.RAISED,
    severity=Severity.CRITICAL,
    incident=3,
    evidence=(
        Evidence("standstill_s", 60.04),
        Evidence("occupied_percent", 85),
        Evidence("between_landings", True),
        Evidence("second_sign", "emergency_stop"),
    ),
    place=Place(landing_index=4, is_between_landings=True, door=DoorState.CLOSED),
    occupied_percent=85,
)


def test_a_raised_alarm_tells_place_people_evidence_and_what_to_do() -> None:
    assert alarm_sentence(RAISED).startswith(
        "Entrapment RAISED, incident 3: between landings near 4, door closed, P(occupied) 85 %, standstill_s 60, "
        "between_landings yes, second_sign emergency_stop. First check: Speak to the car"
    )


def test_the_place_is_told_as_far_as_it_is_known() -> None:
    assert place_words(Place()) == "place unknown"
    assert place_words(Place(landing_index=2, is_between_landings=False)) == "at landing 2"
    assert place_words(Place(is_between_landings=True)) == "between landings"
    assert place_words(Place(moving=Direction.UP, door=DoorState.OPEN)) == "place unknown, moving up, door open"


def test_a_trip_tells_route_distance_and_time() -> None:
    trip = Trip(0, 0, 9_500_000_000, Direction.UP, 12.04, 1.746, 0.8, 0.9, 1.1, 0, 4)
    assert trip_sentence(trip) == "Trip up from landing 0 to 4: 12.04 m in 9.5 s, up to 1.75 m/s"


def test_a_notice_names_the_person_the_incident_and_the_time() -> None:
    notice = Notice(1, Act.TAKEN_OVER, IncidentRef(1, Stream.ALARM, 1), 0, "Li Wei", 12)
    assert notice_sentence(notice, 1, 3, "firm") == (
        "Incident 3 (entrapment) taken over by Li Wei, on site in 12 min, says firm"
    )
    assert notice_sentence(notice, None, None, "firm").startswith("An earlier incident taken over by Li Wei")


def test_every_act_of_a_person_has_words() -> None:
    for act in Act:
        assert notice_sentence(Notice(1, act, IncidentRef(1, Stream.ALARM, 1), 0), 1, 3, "firm")


def test_records_are_named_by_kind_and_number() -> None:
    assert record_words(1, Stream.ALARM, 7) == "Record 0/7 (entrapment)"
    assert record_words(96, Stream.TELEMETRY, 7) == "Record 2/7 (trip)"
    assert record_words(200, Stream.TELEMETRY, 7) == "Record 2/7 (200)"
