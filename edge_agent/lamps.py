"""What the two indicator lamps in the car say: yellow "alarm sent", green "help is coming".

In: the alarms that nobody has ended, with the last act of a person. Out: the state of the lamps. Pure, no state.
Source: EN 81-28 as told in the wire design, section 2.6: yellow from the alarm until its end, green while it is
answered.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.wire_values import Act

_HELP = frozenset({Act.TAKEN_OVER, Act.HELP_SENT, Act.ON_SITE})
_OVER = frozenset({Act.CLOSED, Act.FALSE_ALARM, Act.REMOTE_RESET})


@dataclass(frozen=True, slots=True)
class LampState:
    """Which lamps are lit."""

    is_alarm_sent: bool = False  # yellow
    is_help_coming: bool = False  # green


@dataclass(frozen=True, slots=True)
class AlarmInHand:
    """An alarm that nobody has ended. is_present: its condition is still there. act: the last of a person, if any."""

    is_present: bool
    act: Act | None


def lamps_for(alarms: Iterable[AlarmInHand]) -> LampState:
    """The lamps for these alarms together.

    An alarm that was closed at the receiver keeps the yellow lamp while its condition is there: whoever is inside
    would otherwise see that nobody cares.
    """
    lit = [alarm for alarm in alarms if alarm.is_present or alarm.act not in _OVER]
    return LampState(bool(lit), any(alarm.act in _HELP for alarm in lit))
