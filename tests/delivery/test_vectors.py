"""The design's vectors, each judged as it is labelled."""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from edge_agent import cose, wire
from edge_agent.errors import WireError

ROOT = Path(__file__).parents[2]
DESIGN = ROOT.parent / "shared" / "design"
VECTORS = DESIGN / "vectors.json"

DECODERS: dict[str, Callable[[bytes], object]] = {
    "record": wire.decode_record,
    "batch": wire.decode_batch,
    "receipt": wire.decode_receipt,
    "part": wire.decode_part,
    "notice": wire.decode_notice,
    "short": wire.decode_short,
    "sign1": lambda data: cose.decode_sealed(data, cose.Seal.SIGN1),
    "mac0": lambda data: cose.decode_sealed(data, cose.Seal.MAC0),
    "hdr-sign": lambda data: cose.decode_header(data, cose.Seal.SIGN1),
    "hdr-mac": lambda data: cose.decode_header(data, cose.Seal.MAC0),
}
ENCODERS: dict[type, Callable[..., bytes]] = {
    wire.Record: wire.encode_record,
    wire.Batch: wire.encode_batch,
    wire.Receipt: wire.encode_receipt,
    wire.Part: wire.encode_part,
    wire.Notice: wire.encode_notice,
    wire.Short: wire.encode_short,
    cose.Sealed: cose.encode_sealed,
}


def _vectors() -> list[tuple[str, str, bool, str]]:
    if not VECTORS.exists():
        return []
    return [(root, name, valid, text) for root, name, valid, text in json.loads(VECTORS.read_text())]


@pytest.mark.skipif(not VECTORS.exists(), reason="the design's vectors.json is not beside this checkout")
def test_every_vector_is_judged_as_labelled_and_valid_ones_encode_to_the_same_bytes() -> None:
    wrong = []
    for root, name, is_valid, text in _vectors():
        data = bytes.fromhex(text)
        try:
            value = DECODERS[root](data)
        except WireError:
            if is_valid:
                wrong.append(f"{root} {name}: refused")
            continue
        if not is_valid:
            wrong.append(f"{root} {name}: accepted")
        encode = ENCODERS.get(type(value))
        if encode is not None and encode(value) != data:
            wrong.append(f"{root} {name}: other bytes")
    assert wrong == []
    assert len(_vectors()) > 80


@pytest.mark.skipif(not DESIGN.exists(), reason="the design is not beside this checkout")
def test_the_schema_in_the_package_is_the_one_of_the_design_with_what_docs_wire_md_says_was_added() -> None:
    ours, designed = ((folder / "alarm.cddl").read_text() for folder in (ROOT / "edge_agent", DESIGN))
    changes = [line for line in difflib.ndiff(designed.splitlines(), ours.splitlines()) if line[0] in "-+"]
    gone = [line[2:].split(" ;")[0].split(";")[0].strip() for line in changes if line[0] == "-"]
    # one more detail, a remark that is longer now, and a comma
    assert gone == ["detail     = clock-fix / lost / checkpoint / identity", "", "? 10 => answers"]
    added = {line[2:].split(" ")[0] for line in changes if line[0] == "+" and " = " in line}
    evidence = {"want", "file-digest", "file-place", "part", "file-size", "part-data"}
    joining = {"hello", "join", "asked", "joined", "nonce", "record-key", "tls-request", "sealed-join", "code-proof"}
    visits = {"commission", "verdict-counts", "step-count", "visit", "visit-act", "visit-s", "item-bits"}
    assert added == evidence | joining | visits | {"box-cert", "ca-cert", "detail", "key-change", "key-print"}
