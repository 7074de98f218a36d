"""Seals with keys: COSE_Sign1 by Ed25519 or ES256, COSE_Mac0 with an 8-byte tag; pure, every key is passed in.

The external data keeps the uses apart: a seal made over a record is worthless on a receipt, at no cost in bytes.
Source: RFC 9052 sections 4.4 and 6.3 (what is signed), design/wire.md sections 1.3, 1.5 and 5.1.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from edge_agent.cose import (
    ED25519,
    ED_DSA,
    ES256,
    ESP256,
    HMAC_256_64,
    Seal,
    Sealed,
    SealHeader,
    decode_sealed,
    encode_header,
    encode_sealed,
)
from edge_agent.errors import WireError
from edge_agent.gate import write_item
from edge_agent.wire_values import DEVICE_ID_BYTES

SEED_BYTES = 32
MAC_KEY_BYTES = 32

_ED25519_BYTES, _P256_BYTES = 32, 33  # raw; compressed point
_HALF_BYTES = 32
LOADED_MAX = 4_096  # keys kept as the library has them, about 2 MB: ours
_Loaded = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey


class Use(Enum):
    """What a seal is made over. The value goes into the signature, not onto the wire."""

    RECORD = b"lift/1 record"
    RECEIPT = b"lift/1 receipt"
    SHORT = b"lift/1 short"
    PART = b"lift/1 part"
    HELLO = b"lift/1 hello"
    JOIN = b"lift/1 join"
    REPORT = b"lift/1 report"


class SealRefused(WireError):
    """The container is sound, but its seal is not that of the key it was checked with."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Checks seals. raw: 32 bytes of Ed25519, or a compressed P-256 point of 33."""

    raw: bytes

    def __post_init__(self) -> None:
        """Raises `WireError` for what is no key."""
        self._loaded()

    @classmethod
    def from_text(cls, text: str) -> PublicKey:
        """The reverse of `text`. Raises `WireError`."""
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise _no_key("this is no key in base64url") from None
        key = cls(raw)
        if key.text != text:
            raise _no_key("this is no key in base64url")
        return key

    @property
    def text(self) -> str:
        """In base64url without padding, 43 or 44 characters: for settings, headers and labels."""
        return base64.urlsafe_b64encode(self.raw).rstrip(b"=").decode("ascii")

    @property
    def fingerprint(self) -> bytes:
        """The first 8 bytes of SHA-256 over its SubjectPublicKeyInfo: the id of a box by its first record key."""
        spki = self._loaded().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return hashlib.sha256(spki).digest()[:DEVICE_ID_BYTES]

    def open(self, data: bytes, use: Use) -> bytes:
        """The payload of a Sign1 by this key. Raises `WireError` for no container, `SealRefused` for another seal."""
        return self.check(decode_sealed(data, Seal.SIGN1), use)

    def check(self, sealed: Sealed, use: Use) -> bytes:
        """The payload, if the seal over it is this key's. Raises as `open`."""
        signed = _signed("Signature1", sealed, use)
        algorithm = sealed.header.algorithm
        try:
            match self._loaded():
                case ed25519.Ed25519PublicKey() as key if algorithm in (ED_DSA, ED25519):
                    key.verify(sealed.proof, signed)
                case ec.EllipticCurvePublicKey() as key if algorithm in (ES256, ESP256):
                    halves = (sealed.proof[:_HALF_BYTES], sealed.proof[_HALF_BYTES:])
                    der = utils.encode_dss_signature(*(int.from_bytes(half, "big") for half in halves))
                    key.verify(der, signed, ec.ECDSA(SHA256()))
                case _:
                    raise _refused(f"algorithm {algorithm} does not belong to this key")
        except InvalidSignature:
            raise _refused("the signature is wrong") from None
        return sealed.payload

    def _loaded(self) -> _Loaded:
        return _load(self.raw)


@lru_cache(LOADED_MAX)
def _load(raw: bytes) -> _Loaded:
    try:
        if len(raw) == _ED25519_BYTES:
            return ed25519.Ed25519PublicKey.from_public_bytes(raw)
        if len(raw) == _P256_BYTES:
            return ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError:
        raise _no_key("no point of its curve") from None
    raise _no_key(f"{len(raw)} bytes, expected {_ED25519_BYTES} or {_P256_BYTES}")


class SigningKey:
    """Makes Ed25519 seals: deterministic, so the same record has the same bytes on every retry."""

    def __init__(self, seed: bytes, *, is_named: bool = False) -> None:
        """seed: 32 secret random bytes. is_named: its seals say by its fingerprint which key made them.

        The first key of a box needs no name, later ones do. Raises `WireError`.
        """
        if len(seed) != SEED_BYTES:
            raise _no_key(f"{len(seed)} bytes of a secret key, expected {SEED_BYTES}")
        self._key = ed25519.Ed25519PrivateKey.from_private_bytes(seed)
        self.public = PublicKey(self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw))
        self._protected = encode_header(SealHeader(ED_DSA, self.public.fingerprint if is_named else None), Seal.SIGN1)

    def seal(self, payload: bytes, use: Use) -> bytes:
        """A COSE_Sign1 over the payload."""
        unsigned = Sealed(Seal.SIGN1, self._protected, payload, b"")
        proof = self._key.sign(_signed("Signature1", unsigned, use))
        return encode_sealed(Sealed(Seal.SIGN1, self._protected, payload, proof))


class Direction(Enum):
    """A shared secret gives one key each way, so that nothing can be thrown back at its sender."""

    UP = b"lift/1 up"
    DOWN = b"lift/1 down"


class MacKey:
    """Makes and checks Mac0 seals of one direction: 8 bytes instead of 64, for two that share a secret."""

    def __init__(self, shared: bytes, direction: Direction) -> None:
        """shared: 32 secret random bytes of this pair. Raises `WireError`."""
        if len(shared) != MAC_KEY_BYTES:
            raise _no_key(f"{len(shared)} bytes of a shared secret, expected {MAC_KEY_BYTES}")
        self._key = HKDF(SHA256(), MAC_KEY_BYTES, salt=None, info=direction.value).derive(shared)
        self._protected = encode_header(SealHeader(HMAC_256_64), Seal.MAC0)

    def seal(self, payload: bytes, use: Use) -> bytes:
        """A COSE_Mac0 over the payload."""
        untagged = Sealed(Seal.MAC0, self._protected, payload, b"")
        return encode_sealed(Sealed(Seal.MAC0, self._protected, payload, self._tag(untagged, use)))

    def open(self, data: bytes, use: Use) -> bytes:
        """The payload of a Mac0 by this key. Raises `WireError` for no container, `SealRefused` for another seal."""
        return self.check(decode_sealed(data, Seal.MAC0), use)

    def check(self, sealed: Sealed, use: Use) -> bytes:
        """The payload, if the tag over it is this key's. Raises as `open`."""
        if sealed.header.algorithm != HMAC_256_64 or not hmac.compare_digest(self._tag(sealed, use), sealed.proof):
            raise _refused("the tag is wrong")
        return sealed.payload

    def _tag(self, sealed: Sealed, use: Use) -> bytes:
        return hmac.digest(self._key, _signed("MAC0", sealed, use), "sha256")[:8]


def text_of_secret(secret: bytes) -> str:
    """In base64url without padding."""
    return base64.urlsafe_b64encode(secret).rstrip(b"=").decode("ascii")


def secret_in(text: str) -> bytes:
    """The reverse of `text_of_secret`. Raises `WireError`."""
    try:
        secret = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if len(secret) != MAC_KEY_BYTES or text_of_secret(secret) != text:
        raise _no_key("this is no shared secret in base64url")
    return secret


def sealed_in(data: bytes) -> Sealed:
    """The container in `data`, of either seal, unchecked. Raises `WireError`."""
    is_mac = data[:1] == bytes([0xC0 | Seal.MAC0.value])  # the head of a tag below 24 is one byte
    sealed = decode_sealed(data, Seal.MAC0 if is_mac else Seal.SIGN1)
    _ = sealed.header
    return sealed


def _signed(context: str, sealed: Sealed, use: Use) -> bytes:
    return write_item([context, sealed.protected, use.value, sealed.payload])


def _refused(problem: str) -> SealRefused:
    return SealRefused(problem, subject="seal", hint="It was made with another key, for another use, or altered")


def _no_key(problem: str) -> WireError:
    return WireError(problem, subject="key", hint="Copy the key again, whole and without spaces")
