"""How a box joins a receiver: the text of the QR code, and the messages of it. Pure; the nonce is passed in.

The one-time code is never sent. The box first has the receiver sign a number it has drawn, and goes on only if the key
is the one in the QR text; then it proves that it knows the code by a MAC over its request. Both sides derive the shared
secret of their short seals from the code. So nothing is given away on a way that somebody else listens on or stands in.
Source: design/wire.md sections 5.1 and 5.2; where this differs: docs/wire.md.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
from dataclasses import dataclass

from edge_agent import record_form as form
from edge_agent.errors import WireError
from edge_agent.gate import BODY_BYTES_MAX, read_item, write_item
from edge_agent.schema import array, keyed, octets
from edge_agent.wire_sealing import PublicKey

CODE_BYTES = 16
NONCE_BYTES = 16
PROOF_BYTES = 32
CERTIFICATE_BYTES_MAX = 2_048
REQUEST_BYTES_MAX = 1_024
JOIN_TYPE = "application/vnd.lift-join+cbor"
JOINED_TYPE = "application/vnd.lift-joined+cbor"

_TEXT = re.compile(r"LIFT1 (https?://[!-~]{1,200}) ([A-Za-z0-9_-]{43,44}) ([A-Za-z0-9_-]{22})")


@dataclass(frozen=True, slots=True)
class Invitation:
    """What a QR code says: where the receiver is, the key it must have, and a code that is good once."""

    url: str
    receiver: PublicKey
    code: bytes

    def __str__(self) -> str:
        return f"LIFT1 {self.url} {self.receiver.text} {_in_text(self.code)}"

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """The reverse of `str`. Raises `WireError`."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise _no_invitation("it does not read LIFT1 https://... KEY CODE")
        code = _of_text(found[3])
        if len(code) != CODE_BYTES or _in_text(code) != found[3]:
            raise _no_invitation("its code is damaged")
        return cls(found[1].rstrip("/"), PublicKey.from_text(found[2]), code)


@dataclass(frozen=True, slots=True)
class Hello:
    """The receiver shows that it has its key."""

    nonce: bytes
    at_ms: int  # Unix time


@dataclass(frozen=True, slots=True)
class Join:
    """A box asks to be known. request: for its TLS certificate, DER."""

    device: bytes
    key: PublicKey
    request: bytes
    nonce: bytes


@dataclass(frozen=True, slots=True)
class Joined:
    """The receiver knows the box. answers: digest of the body that asked. certificate, ca: DER."""

    device: bytes
    answers: bytes
    certificate: bytes
    ca: bytes
    at_ms: int


def encode_hello(hello: Hello) -> bytes:
    """Travels inside a seal of the receiver."""
    return write_item({0: form.VERSION, 1: hello.nonce, 2: hello.at_ms})


def decode_hello(data: bytes) -> Hello:
    """Raises `WireError`."""
    fields = keyed(read_item(data, "hello", bytes_max=256), frozenset(range(3)), frozenset(), "hello")
    form.version(fields[0], "hello version")
    return Hello(octets(fields[1], NONCE_BYTES, NONCE_BYTES, "nonce"), form.unix_ms(fields[2], "hello time"))


def encode_join(join: Join) -> bytes:
    """Travels inside a seal of the box."""
    return write_item({0: form.VERSION, 1: join.device, 2: join.key.raw, 3: join.request, 4: join.nonce})


def decode_join(data: bytes) -> Join:
    """Raises `WireError`, also where the key does not give the id."""
    fields = keyed(read_item(data, "join", bytes_max=BODY_BYTES_MAX), frozenset(range(5)), frozenset(), "join")
    form.version(fields[0], "join version")
    join = Join(
        form.device_id(fields[1], "join device id"),
        PublicKey(octets(fields[2], 32, 33, "join key")),
        octets(fields[3], 1, REQUEST_BYTES_MAX, "certificate request"),
        octets(fields[4], NONCE_BYTES, NONCE_BYTES, "join nonce"),
    )
    if join.key.fingerprint != join.device:
        raise WireError("the key does not give this id", subject="join", hint="A box is named by its first key")
    return join


def encode_asked(sealed: bytes, proof: bytes) -> bytes:
    """The body: a sealed `Join`, and the proof that the box knows the code."""
    return write_item([sealed, proof])


def decode_asked(data: bytes) -> tuple[bytes, bytes]:
    """Sealed join and proof. Raises `WireError`."""
    sealed, proof = array(read_item(data, "join body", bytes_max=BODY_BYTES_MAX), 2, 2, "join body")
    return octets(sealed, 1, BODY_BYTES_MAX, "sealed join"), octets(proof, PROOF_BYTES, PROOF_BYTES, "proof")


def encode_joined(joined: Joined) -> bytes:
    """Travels inside a seal of the receiver."""
    tree = {0: form.VERSION, 1: joined.device, 2: joined.answers, 3: joined.certificate, 4: joined.ca, 5: joined.at_ms}
    return write_item(tree)


def decode_joined(data: bytes) -> Joined:
    """Raises `WireError`."""
    fields = keyed(read_item(data, "joined", bytes_max=8_192), frozenset(range(6)), frozenset(), "joined")
    form.version(fields[0], "joined version")
    return Joined(
        form.device_id(fields[1], "joined device id"),
        octets(fields[2], 8, 8, "joined answers"),
        octets(fields[3], 1, CERTIFICATE_BYTES_MAX, "certificate"),
        octets(fields[4], 1, CERTIFICATE_BYTES_MAX, "CA certificate"),
        form.unix_ms(fields[5], "joined time"),
    )


def keeper_of(code: bytes) -> bytes:
    """What the receiver keeps in place of the code, and what both sides prove and derive with."""
    return hashlib.sha256(b"lift/1 code" + code).digest()


def proof_of(kept: bytes, sealed: bytes) -> bytes:
    """That whoever sealed this knows the code."""
    return hmac.digest(kept, b"lift/1 join" + sealed, "sha256")


def secret_of(kept: bytes, join: Join) -> bytes:
    """The secret of this box and this receiver, for short seals."""
    return hmac.digest(kept, b"lift/1 secret" + join.device + join.nonce, "sha256")


def _in_text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def _of_text(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return b""


def _no_invitation(problem: str) -> WireError:
    hint = 'Put the text of the QR code in quotes, whole: "LIFT1 https://... ... ..."'
    return WireError(f"this is no invitation: {problem}", subject="join", hint=hint)
