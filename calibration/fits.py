"""Which function judges which step, and what of the settings it is told. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from calibration import fit_link, fit_signal, fit_supply, fit_test_alarm, fit_wiring
from calibration.doors import DoorsFit, LeafFit, doors_result, fit_doors
from calibration.doors_presence import Stood, fit_presence, presence_result
from calibration.landings import fit_landings
from calibration.landings_result import landings_result
from calibration.mount import fit_mount, mount_result
from calibration.noise import fit_noise, noise_result
from calibration.session import Fit, StepCapture
from calibration.session_tells import Answer
from calibration.sides import chip_errors_of, fit_sides, sides_result
from calibration.words import StepName, StepResult
from edge_agent.readings import Signal
from edge_agent.settings import ContactSettings, Settings

G_MPS2 = 9.80665
PLACE = "place."


def _sides(capture: StepCapture) -> StepResult:
    chip, range_mps2 = _chip(capture.settings)
    latitude_deg = capture.settings.known.latitude_deg
    return sides_result(fit_sides(capture.readings, chip=chip, range_mps2=range_mps2, latitude_deg=latitude_deg))


def _chip(settings: Settings) -> tuple[str, float | None]:
    """Its name, "" where there is none, and its full scale."""
    chosen = settings.accelerometer
    return ("", None) if chosen is None else (chosen.chip, chosen.range_g * G_MPS2)


def _mount(capture: StepCapture) -> StepResult:
    chip, range_mps2 = _chip(capture.settings)
    errors = chip_errors_of(capture.earlier)
    return mount_result(
        fit_mount(capture.readings, capture.settings.limits, chip=chip, range_mps2=range_mps2, errors=errors)
    )


def _noise(capture: StepCapture) -> StepResult:
    return noise_result(fit_noise(capture.readings, capture.settings.limits, **_accel(capture.settings)))


def _accel(settings: Settings) -> dict[str, float | None]:
    chosen = settings.accelerometer
    if chosen is None:
        return {}
    return {"nominal_hz": float(chosen.rate_hz), "range_mps2": chosen.range_g * G_MPS2}


def _doors(capture: StepCapture) -> StepResult:
    contacts = (
        {} if capture.settings.contacts is None else {each.signal: each for each in capture.settings.contacts.contacts}
    )
    fit = fit_doors(capture.readings, capture.settings.limits, frozenset(contacts))
    return doors_result(fit, corrected_lines(fit, contacts))


def corrected_lines(fit: DoorsFit, contacts: Mapping[Signal, ContactSettings]) -> tuple[tuple[str, str], ...]:
    """Lines of the contacts that are wired otherwise than the settings say; empty where all is as it says."""
    lines: list[tuple[str, str]] = []
    for leaf in fit.leaves:
        if leaf.is_swapped or leaf.inverted:
            lines += _lines_of(leaf, contacts)
    return tuple(lines)


def _lines_of(leaf: LeafFit, contacts: Mapping[Signal, ContactSettings]) -> list[tuple[str, str]]:
    signals = [line.signal for line in leaf.lines]
    takes = list(reversed(signals)) if leaf.is_swapped else signals
    return [
        (f"contacts.{signal.value}", contact_line(contacts[taken], is_flipped=taken in leaf.inverted))
        for signal, taken in zip(signals, takes, strict=True)
    ]


def contact_line(contact: ContactSettings, *, is_flipped: bool) -> str:
    """The value of a contact in the settings file, with its other active level where it is flipped."""
    level = "low" if contact.is_active_low is not is_flipped else "high"
    return f'{{ pin = {contact.pin}, active = "{level}", pull = "{contact.pull.value}" }}'


def _presence(capture: StepCapture) -> StepResult:
    stood = [
        Stood(told.finding.question.removeprefix(PLACE), told.t_ns)
        for told in capture.told
        if isinstance(told.finding, Answer) and told.finding.question.startswith(PLACE) and told.finding.value == "yes"
    ]
    return presence_result(fit_presence(capture.readings, stood))


def _trips(capture: StepCapture) -> StepResult:
    chip, range_mps2 = _chip(capture.settings)
    fit = fit_landings(
        capture.readings,
        capture.settings.limits,
        chip=chip,
        errors=chip_errors_of(capture.earlier),
        range_mps2=range_mps2,
        air_degc=capture.settings.known.well_degc,
        told_travel_m=capture.settings.known.travel_m,
    )
    return landings_result(fit)


FITS: Mapping[StepName, Fit] = MappingProxyType(
    {
        StepName.WIRING: fit_wiring.fit,
        StepName.SIDES: _sides,
        StepName.MOUNT: _mount,
        StepName.NOISE: _noise,
        StepName.DOORS: _doors,
        StepName.PRESENCE: _presence,
        StepName.TRIPS: _trips,
        StepName.CONTROLLER: fit_link.fit,
        StepName.SIGNAL: fit_signal.fit,
        StepName.SUPPLY: fit_supply.fit,
        StepName.TEST_ALARM: fit_test_alarm.fit,
    }
)
