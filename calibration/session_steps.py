"""How steps differ for whoever guides through them: which end by themselves, begin at once, may repair the wiring."""

from __future__ import annotations

from calibration.words import StepName

BY_ITSELF = frozenset({StepName.WIRING, StepName.SIDES, StepName.MOUNT, StepName.NOISE, StepName.TEST_ALARM})
"""Steps that end when they have what they need; the others end when the person says so."""
AT_ONCE = frozenset({StepName.WIRING, StepName.TEST_ALARM})
"""Steps that need no preparation."""
LIFT_STEPS = frozenset(StepName) - {StepName.WIRING, StepName.SIDES, StepName.SUPPLY, StepName.TEST_ALARM}
"""Steps for which the lift is taken from people."""
REPAIRABLE = frozenset({StepName.WIRING, StepName.DOORS, StepName.PRESENCE})
"""Steps that may find a wrong setting of the wiring: it is put right at once, and the step repeated."""
