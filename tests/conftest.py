"""For all tests: how fast a machine draws its examples is no property of the code."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")
