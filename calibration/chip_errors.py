"""What the six sides have told of one accelerometer: sensitivity and offset of each axis; how they are taken out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from calibration.fit_samples import Floats, Samples, Vector
from edge_agent.readings import AccelFrame, Reading


@dataclass(frozen=True, slots=True)
class ChipErrors:
    """gain: of each axis of the chip, measured over true. offset_mps2: what each axis reads where nothing pulls.

    gain_sigma: doubt of the worst gain, local gravity included. offset_sigma_mps2: of the worst offset, with what
    warmth may change until the box hangs in the well.
    """

    gain: Vector
    offset_mps2: Vector
    gain_sigma: float
    offset_sigma_mps2: float

    def corrected(self, samples: Samples) -> Samples:
        """The same samples as a chip without these errors would have given them."""
        return Samples(samples.times_ns, self._true(samples.mps2), samples.lost_count)

    def corrected_readings(self, readings: Sequence[Reading]) -> list[Reading]:
        """The same in a whole recording; all but the accelerometer as it was."""
        return [
            AccelFrame(each.times_ns, self._true(each.samples_mps2)) if isinstance(each, AccelFrame) else each
            for each in readings
        ]

    def _true(self, mps2: Floats) -> Floats:
        return np.asarray((mps2 - np.array(self.offset_mps2)) / np.array(self.gain))
