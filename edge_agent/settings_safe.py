"""The settings of a safe run: what a box that dies again and again still does. Pure.

It watches with accelerometer and contacts and delivers. What else is wired is left out, because one of it may be what
the agent dies of; a box that has neither keeps what it has. The modem stays where alarms go by SMS.
"""

from __future__ import annotations

from dataclasses import replace

from edge_agent.settings import Settings


def safe_settings(settings: Settings) -> Settings:
    """The same box with less."""
    sends_by_sms = any(receiver.sms for receiver in settings.delivery.receivers)
    if settings.accelerometer is None and settings.contacts is None:
        return replace(settings, supply=None, recording=None, modem=settings.modem if sends_by_sms else None)
    return replace(
        settings,
        pressure=None,
        controller=None,
        supply=None,
        recording=None,
        modem=settings.modem if sends_by_sms else None,
    )


def left_out(settings: Settings) -> tuple[str, ...]:
    """Names of the sections that a safe run leaves out, as the settings file has them."""
    safe = safe_settings(settings)
    return tuple(
        name
        for name in ("pressure", "controller", "supply", "modem", "recording")
        if getattr(settings, name) is not None and getattr(safe, name) is None
    )
