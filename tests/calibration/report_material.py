"""A commissioning with every kind of content, a photo made by hand, and the seal of a test box."""

from __future__ import annotations

import math
import struct
import zlib

from calibration.report import Acceptance, SealOnPage, content_of
from calibration.report_photos import photo_of
from calibration.words import (
    Commissioning,
    Measured,
    Plot,
    StepName,
    StepResult,
    Table,
    Verdict,
    said,
    thinned_series,
)
from edge_agent.report_seal import open_report, sealed_text
from edge_agent.wire_sealing import SigningKey

KEY = SigningKey(bytes(range(32)))
DEVICE = KEY.public.fingerprint.hex()
MADE_UTC_S = 1_795_459_200


def png(width: int, height: int, grey: int = 128) -> bytes:
    """A plain grey picture. Source: PNG specification, chunks IHDR, IDAT, IEND."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + bytes([grey]) * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def commissioning(made_utc_s: int | None = MADE_UTC_S) -> Commissioning:
    """Each step once, with plots, tables, ranges kept and broken."""
    seconds = [index / 50 for index in range(1_000)]
    speed = thinned_series("speed", seconds, [min(1.5, each, max(0.0, 18.0 - each)) for each in seconds])
    shaking = thinned_series("vertical", seconds, [0.05 * math.sin(9.0 * each) for each in seconds])
    hertz = [float(each) for each in range(1, 200)]
    spectrum = thinned_series("vertical", hertz, [0.01 / each for each in hertz])
    return Commissioning(
        device_id=DEVICE,
        lift="A 座 1 号梯",
        agent_version="0.1.0",
        made_utc_s=made_utc_s,
        results=(
            StepResult(
                StepName.MOUNT,
                Verdict.PASSED,
                measured=(
                    Measured("tilt_deg", 1.234567, "deg", None, 10.0),
                    Measured("gravity_mps2", 9.81, "m/s2", 9.6, 10.0),
                ),
                settings=(("accelerometer.up", '"+z"'),),
                recording="mount.liftrec",
            ),
            StepResult(
                StepName.NOISE,
                Verdict.DOUBTFUL,
                reasons=(said("noise_high", value=0.042),),
                next_action=said("tighten_box"),
                measured=(Measured("noise_mps2", 0.042, "m/s2", None, 0.03),),
                plots=(Plot("noise_spectrum", "frequency", "Hz", "amplitude", "m/s2", (spectrum,)),),
            ),
            StepResult(
                StepName.TRIPS,
                Verdict.PASSED,
                tables=(
                    Table("landings", ("landing", "height_m", "visits"), ((0, 0.0, 2), (1, 3.004, 3), (2, 6.01, None))),
                ),
                plots=(Plot("trip", "time", "s", "speed", "m/s", (speed, shaking)),),
            ),
            StepResult(StepName.CONTROLLER, Verdict.SKIPPED, reasons=(said("no_controller <wired> & said"),)),
        ),
    )


def acceptance(*, has_photo: bool = True, made_utc_s: int | None = MADE_UTC_S) -> Acceptance:
    """As an installer would fill it in."""
    photos = (photo_of(png(64, 48), "轿顶 box on the car roof"),) if has_photo else ()
    return Acceptance(commissioning(made_utc_s), "31104403201900012", "王建国", "津门电梯维保 <有限公司>", photos)


def seal_on(found: Acceptance) -> SealOnPage:
    """Sealed by the test box."""
    opened = open_report(sealed_text(content_of(found), KEY).encode())
    return SealOnPage(opened.text, opened.digest, opened.key.text)
