"""What a box puts around its records, and how it judges the seal of a receipt."""

from __future__ import annotations

from functools import lru_cache

from edge_agent.cose import Seal
from edge_agent.errors import WireError
from edge_agent.records import StoredRecord
from edge_agent.wire import Stream
from edge_agent.wire_sealing import Direction, MacKey, PublicKey, SealRefused, SigningKey, Use, sealed_in

REMEMBERED_MAX = 128
"""Sealed records kept for the next try of the same ones: a signature costs a small board milliseconds. Ours."""


class Unsealed:
    """Records and receipts as they are, for what never leaves one process."""

    is_pinned = False

    def seal(self, record: StoredRecord) -> bytes:
        """The record itself."""
        return record.body

    def open(self, answer: bytes) -> bytes:
        """The answer itself."""
        return answer

    def doubted(self) -> None:
        """There is no seal to be doubted."""
        return


class BoxSeals:
    """Records sealed with the key of the box; receipts by the key of one receiver, where one is pinned.

    A later key seals only for a receiver that has confirmed the record which introduces it, and no more once this
    receiver did not believe a seal: what every receiver knows is the first key, and no alarm is lost to a change.
    """

    def __init__(self, key: SigningKey, receiver: PublicKey | None = None, shared: bytes | None = None) -> None:
        """receiver: its pinned key; None: any sealed receipt is believed, which is for one machine or a closed network.

        shared: the secret of this box and this receiver. With it telemetry and diagnostics carry the short seal.
        """
        self.is_pinned = receiver is not None
        self._receiver = receiver
        self._first = self._key = key
        self._is_doubted = False
        self._signed = lru_cache(REMEMBERED_MAX)(lambda body: self._key.seal(body, Use.RECORD))
        self._up = None if shared is None else MacKey(shared, Direction.UP)
        self._down = None if shared is None else MacKey(shared, Direction.DOWN)

    @property
    def key(self) -> PublicKey:
        """What checks the seals that are made now."""
        return self._key.public

    def seal_with(self, later: SigningKey | None) -> None:
        """This receiver knows a later key; None: it does not, and the first one seals."""
        key = self._first if later is None or self._is_doubted else later
        if key.public != self._key.public:
            self._key = key
            self._signed.cache_clear()

    def doubted(self) -> None:
        """Back to the first key, until the next start: the receiver refused a seal, or does not know its key."""
        if self._key is not self._first:
            self._is_doubted = True
            self.seal_with(None)

    def seal(self, record: StoredRecord) -> bytes:
        """A batch item. Alarms and faults are signed: anybody with the public key can prove who raised them."""
        if self._up is not None and record.stream in (Stream.TELEMETRY, Stream.DIAGNOSTICS):
            return self._up.seal(record.body, Use.RECORD)
        return self._signed(record.body)

    def seal_part(self, part: bytes) -> bytes:
        """A piece of a recording, always signed."""
        return self._key.seal(part, Use.PART)

    def open(self, answer: bytes) -> bytes:
        """The receipt in a sealed answer. Raises `WireError` for no container, `SealRefused` for a foreign one."""
        sealed = sealed_in(answer)
        match sealed.seal:
            case Seal.SIGN1:
                return sealed.payload if self._receiver is None else self._receiver.check(sealed, Use.RECEIPT)
            case Seal.MAC0:
                if self._down is None:
                    raise SealRefused(
                        "a short seal, but no secret is shared", subject="seal", hint="Enrol the box at this receiver"
                    )
                return self._down.check(sealed, Use.RECEIPT)


def pinned(text: str) -> PublicKey | None:
    """The key in a setting; None for the word "none". Raises `WireError`."""
    if text == NOT_PINNED:
        return None
    try:
        return PublicKey.from_text(text)
    except WireError as error:
        raise WireError(error.problem, subject="receiver_key", hint=error.hint) from error


NOT_PINNED = "none"
