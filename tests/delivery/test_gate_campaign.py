"""The gate for a minute: what passes decodes and encodes to the same bytes; nothing else comes out than a refusal."""

from __future__ import annotations

import random
import time

import pytest

from edge_agent.errors import WireError
from edge_agent.wire import Batch, Stamp, decode_batch, decode_record, encode_batch, encode_record
from tests.delivery.making import DEVICE, FULL, MINIMAL

SECONDS = 60.0
SEED = 20_261_128


def damaged(data: bytes, chance: random.Random) -> bytes:
    """One to four bytes changed, left out, put in or said twice."""
    raw = bytearray(data)
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(raw) + 1)
        match chance.randrange(4):
            case 0 if at < len(raw):
                raw[at] = chance.randrange(256)
            case 1:
                del raw[at : at + chance.randint(1, 3)]
            case 2:
                raw[at:at] = chance.randbytes(chance.randint(1, 3))
            case _:
                raw[at:at] = raw[max(0, at - 4) : at]
    return bytes(raw)


@pytest.mark.system
@pytest.mark.campaign
@pytest.mark.timeout(180)
def test_a_minute_of_damaged_batches_passes_nothing_that_encodes_to_other_bytes() -> None:
    chance = random.Random(SEED)
    records = [encode_record(FULL), encode_record(MINIMAL)]
    batch = encode_batch(Batch(DEVICE, tuple(records), Stamp(1, 2)))
    tried = passed = 0
    until_s = time.monotonic() + SECONDS
    while time.monotonic() < until_s:
        tried += 1
        if tried % 2:
            data = damaged(chance.choice(records), chance)
            try:
                record = decode_record(data)
            except WireError:
                continue
            assert encode_record(record) == data
        else:
            data = damaged(batch, chance)
            try:
                found = decode_batch(data)
            except WireError:
                continue
            assert encode_batch(found) == data
        passed += 1
    print(f"{tried} damaged inputs, {passed} passed")
    assert tried > 1_000
    assert 0 < passed < tried
