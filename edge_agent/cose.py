"""The structure of sealed containers, COSE_Sign1 and COSE_Mac0 (RFC 9052); no key is touched here."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

import cbor2

from edge_agent.gate import BODY_BYTES_MAX, read_item, write_item
from edge_agent.schema import array, keyed, octets, refuse, whole
from edge_agent.wire_values import SEQNO_MAX

# Source: RFC 9052 section 4.2 and 6.2 (tags), RFC 9053 and RFC 9864 (algorithms), design/alarm.cddl (sizes).
ES256, ED_DSA, ESP256, ED25519 = -7, -8, -9, -19
HMAC_256_64 = 4
HEADER_BYTES_MIN, HEADER_BYTES_MAX = 3, 24
KEY_ID_BYTES_MAX = 8
SEAL_BYTES_MAX = 75
"""What a Sign1 without key id adds to a record. Source: design/wire.md section 1.4 (58 to 133), held by a test."""
HEADERS_REMEMBERED_MAX = 1_024
"""Of 24 bytes each: a box says the same one with every record. Our choice."""
_ALGORITHM, _KEY_ID = 1, 4


class Seal(Enum):
    """Who can check it: anybody with the public key, or only the holder of the shared key. Value: its CBOR tag."""

    SIGN1 = 18
    MAC0 = 17


_SEAL_BYTES = {Seal.SIGN1: 64, Seal.MAC0: 8}
_ALGORITHMS = {Seal.SIGN1: frozenset({ES256, ED_DSA, ESP256, ED25519}), Seal.MAC0: frozenset({HMAC_256_64})}


@dataclass(frozen=True, slots=True)
class SealHeader:
    """The protected header: which algorithm, and which key where a name is needed."""

    algorithm: int
    key_id: bytes | None = None


@dataclass(frozen=True, slots=True)
class Sealed:
    """A payload with its signature or tag. protected: the header as sealed, byte for byte."""

    seal: Seal
    protected: bytes
    payload: bytes
    proof: bytes

    @property
    def header(self) -> SealHeader:
        """The protected header, decoded and checked. Raises `WireError`, also for an algorithm of the other seal."""
        return decode_header(self.protected, self.seal)


def encode_header(header: SealHeader, seal: Seal) -> bytes:
    """The protected header as bytes. Raises `WireError`."""
    tree: dict[int, object] = {_ALGORITHM: header.algorithm}
    if header.key_id is not None:
        tree[_KEY_ID] = header.key_id
    _header_from_tree(tree, seal)
    return write_item(tree)


@lru_cache(HEADERS_REMEMBERED_MAX)
def decode_header(data: bytes, seal: Seal) -> SealHeader:
    """A protected header; an algorithm of the other seal is refused. Raises `WireError`."""
    return _header_from_tree(read_item(data, "seal header", bytes_max=HEADER_BYTES_MAX), seal)


def _header_from_tree(tree: object, seal: Seal) -> SealHeader:
    fields = keyed(tree, frozenset({_ALGORITHM}), frozenset({_KEY_ID}), "seal header")
    algorithm = whole(fields[_ALGORITHM], -SEQNO_MAX, SEQNO_MAX, "seal algorithm")
    if algorithm not in _ALGORITHMS[seal]:
        refuse("seal algorithm", f"{algorithm} is not one of {sorted(_ALGORITHMS[seal])}")
    key_id = octets(fields[_KEY_ID], 1, KEY_ID_BYTES_MAX, "key id") if _KEY_ID in fields else None
    return SealHeader(algorithm, key_id)


def encode_sealed(sealed: Sealed) -> bytes:
    """The tagged container. Raises `WireError`."""
    tree = [sealed.protected, {}, sealed.payload, sealed.proof]
    _sealed_from_tree(tree, sealed.seal)
    return write_item(cbor2.CBORTag(sealed.seal.value, tree))


def decode_sealed(data: bytes, seal: Seal) -> Sealed:
    """The container in `data`, which must bear the tag of `seal`. Raises `WireError`."""
    what = seal.name.lower()
    tree = read_item(data, what, bytes_max=BODY_BYTES_MAX, tags=(seal.value,))
    if not isinstance(tree, cbor2.CBORTag):
        refuse(what, f"tag {seal.value} is missing")
    return _sealed_from_tree(tree.value, seal)


def _sealed_from_tree(tree: object, seal: Seal) -> Sealed:
    what = seal.name.lower()
    protected, unprotected, payload, proof = array(tree, 4, 4, what)
    keyed(unprotected, frozenset(), frozenset(), f"{what} unprotected header")
    size = _SEAL_BYTES[seal]
    return Sealed(
        seal,
        octets(protected, HEADER_BYTES_MIN, HEADER_BYTES_MAX, f"{what} protected header"),
        octets(payload, 0, BODY_BYTES_MAX, f"{what} payload"),
        octets(proof, size, size, f"{what} proof"),
    )
