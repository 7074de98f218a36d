"""What a served lift's box is fitted with, whatever its story has: the names of `lift-sim serve --chip`. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edge_agent.errors import EdgeAgentError
from sim.bmp280 import Bmp280Model
from sim.bmp390 import Bmp390Model
from sim.fifo_chips import CHIPS

BAROMETERS: dict[str, tuple[type[Bmp280Model] | type[Bmp390Model], int]] = {
    "bmp280": (Bmp280Model, 0x76),
    "bmp390": (Bmp390Model, 0x77),
}
"""Model and address by the name that the agent's settings have for them."""

SUPPLY_MONITOR, SUPPLY_ADDRESS = "ina219", 0x40
CHIP_NAMES = (*CHIPS, *BAROMETERS, SUPPLY_MONITOR)


@dataclass(frozen=True, slots=True)
class Fittings:
    """Chips and modem. barometer "": a BMP280, where the story has a barometer. What is named is fitted in any case."""

    accelerometer: str = "adxl345"
    barometer: str = ""
    has_supply: bool = False
    has_modem: bool = False


PLAIN = Fittings()


def fittings_from(chips: Iterable[str], *, has_modem: bool) -> Fittings:
    """From the names of chips, each of `CHIP_NAMES`. Raises EdgeAgentError for two of a kind."""
    given = list(chips)
    accelerometers = [name for name in given if name in CHIPS]
    barometers = [name for name in given if name in BAROMETERS]
    for kind in (accelerometers, barometers):
        if len(set(kind)) > 1:
            raise EdgeAgentError(
                f"{kind[0]} and {kind[1]} are of one kind", subject="--chip", hint="A box has one of a kind: name one"
            )
    return Fittings(
        accelerometer=accelerometers[0] if accelerometers else PLAIN.accelerometer,
        barometer=barometers[0] if barometers else "",
        has_supply=SUPPLY_MONITOR in given,
        has_modem=has_modem,
    )
