"""Judges the material in an environment of its own, which knows nothing of this project: `python judge.py CDDL FILE`.

Needs zcbor, pycose and cbor2 below 6.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import cbor2
import zcbor
from pycose.keys import OKPKey, SymmetricKey
from pycose.messages import CoseMessage, Mac0Message, Sign1Message

AADS = {"receipt": b"lift/1 receipt", "part": b"lift/1 part", "hello": b"lift/1 hello", "join": b"lift/1 join"}


def is_in_schema(types: dict[str, zcbor.CddlValidator], root: str, data: bytes) -> bool:
    """Whether zcbor takes the bytes for the type, and reads all of them."""
    try:
        return bool(types[root].validate_str(data)) and cbor2.dumps(cbor2.loads(data), canonical=True) == data
    except (zcbor.CddlValidationError, cbor2.CBORDecodeError):
        return False


def is_sealed(root: str, name: str, data: bytes, seed: bytes, mac_key: bytes) -> bool:
    """Whether pycose finds the seal right, with the external data of its use."""
    message = CoseMessage.decode(data)
    message.external_aad = AADS.get(name, b"lift/1 record")
    if root == "sign1":
        assert isinstance(message, Sign1Message)
        message.key = OKPKey(crv="ED25519", d=seed, x=_public_of(seed))
        return bool(message.verify_signature())
    assert isinstance(message, Mac0Message)
    message.key = SymmetricKey(k=mac_key)
    return bool(message.verify_tag())


def remade(data: bytes, name: str, seed: bytes) -> bytes:
    """The same payload sealed by pycose: Ed25519 gives the same bytes."""
    found = CoseMessage.decode(data)
    made = Sign1Message(phdr=found.phdr, uhdr={}, payload=found.payload)
    made.external_aad = AADS.get(name, b"lift/1 record")
    made.key = OKPKey(crv="ED25519", d=seed, x=_public_of(seed))
    return bytes(made.encode())


def _public_of(seed: bytes) -> bytes:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = Ed25519PrivateKey.from_private_bytes(seed).public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def main() -> int:
    """Print what was judged; 1 where a judge disagrees."""
    types = zcbor.DataTranslator.from_cddl(Path(sys.argv[1]).read_text(), 16).my_types
    material = json.loads(Path(sys.argv[2]).read_text())
    seed, mac_key = bytes.fromhex(material["seed"]), bytes.fromhex(material["mac_key"])
    wrong = []
    counts = {"schema": 0, "seals": 0, "damaged": 0}
    for root, name, text in material["good"]:
        data = bytes.fromhex(text)
        counts["schema"] += 1
        if not is_in_schema(types, root, data):
            wrong.append(f"zcbor refuses {root} {name}: {text}")
        if root in ("sign1", "mac0"):
            counts["seals"] += 1
            if not is_sealed(root, name, data, seed, mac_key):
                wrong.append(f"pycose refuses {root} {name}: {text}")
            if root == "sign1" and remade(data, name, seed) != data:
                wrong.append(f"pycose makes other bytes of {root} {name}")
    for root, name, text in material["damaged"]:
        counts["damaged"] += 1
        if is_sealed(root, name, bytes.fromhex(text), seed, mac_key):
            wrong.append(f"pycose accepts damaged {root} {name}")
    print("\n".join(wrong) or "zcbor and pycose agree", counts)
    return 1 if wrong or not all(counts.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
