"""What the six sides have told of one accelerometer: sensitivity and offset of each axis; how they are taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from calibration.fit_samples import Samples, Vector


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
        mps2 = (samples.mps2 - np.array(self.offset_mps2)) / np.array(self.gain)
        return Samples(samples.times_ns, mps2, samples.lost_count)
