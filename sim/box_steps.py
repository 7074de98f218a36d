"""Commands of a story about the box itself: its supply unit, its battery, its SIM card, network and aerial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from edge_agent.readings import Registration, SimState
from sim.lift import Lift
from sim.lying import lay_box
from sim.words import BoxUp, SupplyGives


@dataclass(frozen=True, slots=True)
class BoxSupplyStep:
    """What the box's own supply unit gives from now on: enough, too_little (the battery helps), nothing."""

    gives: SupplyGives


@dataclass(frozen=True, slots=True)
class BatteryStep:
    """The box's battery from now on: in or out, and how many minutes a full one lasts (default: as drawn)."""

    fitted: bool = True
    lasts_min: float | None = None


@dataclass(frozen=True, slots=True)
class SimCardStep:
    """What the modem finds of its SIM card from now on."""

    card: SimState


@dataclass(frozen=True, slots=True)
class NetworkStep:
    """What the mobile network makes of the modem from now on."""

    registration: Registration


@dataclass(frozen=True, slots=True)
class AerialStep:
    """From now on the modem hears everything so much weaker (negative: stronger) than at first."""

    weaker_db: float


@dataclass(frozen=True, slots=True)
class LayBoxStep:
    """Somebody lays the box down so that this axis of it points up, or mounts it again: +x -x +y -y +z -z mounted."""

    up: BoxUp


BoxStep = BoxSupplyStep | BatteryStep | SimCardStep | NetworkStep | AerialStep | LayBoxStep

BOX_VERBS: dict[str, type[BoxStep]] = {
    "box_supply": BoxSupplyStep,
    "battery": BatteryStep,
    "sim_card": SimCardStep,
    "network": NetworkStep,
    "aerial": AerialStep,
    "lay_box": LayBoxStep,
}
"""Word of the scenario file for each command."""

_GIVES = {
    SupplyGives.ENOUGH: "gives enough again",
    SupplyGives.TOO_LITTLE: "gives too little: its battery helps out",
    SupplyGives.NOTHING: "is pulled out: it runs on its battery",
}
_CARDS = {
    SimState.READY: "is in order",
    SimState.ABSENT: "is missing",
    SimState.PIN_NEEDED: "asks for its PIN",
    SimState.PUK_NEEDED: "is locked and asks for its PUK",
    SimState.BROKEN: "cannot be read",
    SimState.BUSY: "is busy",
    SimState.UNKNOWN: "says nothing that is known",
}
_NETWORKS = {
    Registration.HOME: "lets the modem in",
    Registration.ROAMING: "lets the modem in as a guest",
    Registration.SEARCHING: "is not found, the modem searches",
    Registration.NOT_SEARCHING: "is not found, the modem has given up",
    Registration.DENIED: "refuses the modem",
    Registration.EMERGENCY_ONLY: "gives the modem emergency calls only",
    Registration.UNKNOWN: "says nothing that is known",
}


def perform_on_box(lift: Lift, step: BoxStep) -> None:
    """Carry out one command."""
    match step:
        case BoxSupplyStep(gives):
            lift.box_supply.set(lift.now_s, gives)
        case BatteryStep(fitted, lasts_min):
            lift.battery_is_fitted.set(lift.now_s, fitted)
            lift.battery_lasts_s.set(lift.now_s, None if lasts_min is None else 60.0 * lasts_min)
        case SimCardStep(card):
            lift.sim_card.set(lift.now_s, card)
        case NetworkStep(registration):
            lift.registration.set(lift.now_s, registration)
        case AerialStep(weaker_db):
            lift.signal_weaker_db.set(lift.now_s, weaker_db)
        case LayBoxStep(up):
            lay_box(lift, up)
        case _:
            assert_never(step)


def box_sentence(step: BoxStep) -> str:
    """One command as a person would say it."""
    match step:
        case BoxSupplyStep(gives):
            return f"the supply unit of the box {_GIVES[gives]}"
        case BatteryStep(fitted, lasts_min):
            lasts = "" if lasts_min is None else f" that lasts {lasts_min:g} minutes when it is full"
            return f"the box has a battery{lasts}" if fitted else "the battery of the box is taken out"
        case SimCardStep(card):
            return f"the SIM card {_CARDS[card]}"
        case NetworkStep(registration):
            return f"the mobile network {_NETWORKS[registration]}"
        case AerialStep(weaker_db):
            return f"the modem hears everything {weaker_db:g} dB weaker than at first"
        case LayBoxStep(up):
            return "the box is mounted again" if up is BoxUp.MOUNTED else f"the box is laid down with {up.value} up"
        case _:
            assert_never(step)
