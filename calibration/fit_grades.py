"""How good the chips are: what a scale or an offset may be off, one sigma, before anything was measured.

Source: data sheets as remembered (unverified), in the sense of the typical values: ADXL345 sensitivity +-1 % typical,
offset 35 to 40 mg; LIS3DH 40 mg; ADXL355 25 mg, 0.3 % after soldering (a guess); MPU-6050 family 50 to 80 mg, trimmed
to 3 %.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class AccelGrade:
    """scale: of the sensitivity, as a share. offset_mps2: of one axis."""

    scale: float
    offset_mps2: float


UNKNOWN = AccelGrade(0.015, 0.3)
GRADES: Mapping[str, AccelGrade] = MappingProxyType(
    {
        "adxl345": AccelGrade(0.010, 0.25),
        "lis3dh": AccelGrade(0.010, 0.20),
        "adxl355": AccelGrade(0.003, 0.12),
        "mpu6050": AccelGrade(0.010, 0.40),
        "mpu6500": AccelGrade(0.010, 0.40),
        "mpu9250": AccelGrade(0.010, 0.40),
        "icm20602": AccelGrade(0.010, 0.25),
    }
)


def grade_of(chip: str) -> AccelGrade:
    """Of a chip by its name in the settings; that of a poor one where the name says nothing."""
    return GRADES.get(chip, UNKNOWN)
