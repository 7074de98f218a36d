"""The sealed content of a report as text, so that it can stand inside a page or beside it, and be checked years later.

The content is deterministic JSON. The seal is a COSE_Sign1 by the first key of the box over the SHA-256 of the content;
that key names the box (its id is the key's fingerprint), so whoever has the file can check it without a receiver.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
import zlib
from dataclasses import dataclass
from typing import NoReturn

from edge_agent.errors import WireError
from edge_agent.wire_sealing import PublicKey, SigningKey, Use

CONTENT_BYTES_MAX = 9 << 20
FILE_BYTES_MAX = 64 << 20
"""The first: a commissioning is 8 MiB at most. The second: with photos. Ours."""

BEGIN, END = "-----BEGIN LIFT REPORT-----", "-----END LIFT REPORT-----"
LINE_CHARACTERS = 76
_BLOCK = re.compile(
    rb"-----BEGIN LIFT REPORT-----\r?\nkey: ([^\r\n]{1,64})\r?\nseal: ([^\r\n]{1,512})\r?\n\r?\n([^-]*)-----END"
)
HINT = "Is it a report of this program, as it was written? A page that was printed or saved anew has lost its seal"


@dataclass(frozen=True, slots=True)
class OpenedReport:
    """A report whose seal is right. text: the sealed block as it was found."""

    content: bytes
    key: PublicKey
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the content, as record 73 names it."""
        return hashlib.sha256(self.content).digest()


def sealed_text(content: bytes, key: SigningKey) -> str:
    """The content with its seal, as lines of ASCII. Raises `WireError` for content that is too large."""
    if len(content) > CONTENT_BYTES_MAX:
        _refuse(f"{len(content)} bytes of content; at most {CONTENT_BYTES_MAX} are sealed")
    seal = base64.b64encode(key.seal(hashlib.sha256(content).digest(), Use.REPORT)).decode("ascii")
    packed = base64.b64encode(zlib.compress(content, 9)).decode("ascii")
    lines = [packed[at : at + LINE_CHARACTERS] for at in range(0, len(packed), LINE_CHARACTERS)]
    return "\n".join([BEGIN, f"key: {key.public.text}", f"seal: {seal}", "", *lines, END]) + "\n"


def open_report(data: bytes) -> OpenedReport:
    """The one sealed block in a file of any form. Raises `WireError`: none, several, or damaged; `SealRefused`."""
    if len(data) > FILE_BYTES_MAX:
        _refuse(f"{len(data)} bytes; a report has at most {FILE_BYTES_MAX}")
    blocks = list(_BLOCK.finditer(data))
    if len(blocks) != 1 or data.count(BEGIN.encode()) != 1:
        _refuse("there is no sealed block in it" if not blocks else "there is more than one sealed block in it")
    key_text, seal_text, packed = blocks[0].groups()
    try:
        key = PublicKey.from_text(key_text.decode("ascii"))
        seal = base64.b64decode(seal_text, validate=True)
        content = _inflated(base64.b64decode(b"".join(packed.split()), validate=True))
    except (UnicodeDecodeError, binascii.Error, zlib.error) as error:
        _refuse(f"its sealed block is damaged ({error})")
    if key.open(seal, Use.REPORT) != hashlib.sha256(content).digest():
        _refuse("its content is not the one that was sealed")
    text = blocks[0].group().decode("ascii").replace("\r\n", "\n")
    return OpenedReport(content, key, text + END[len("-----END") :] + "\n")


def _inflated(packed: bytes) -> bytes:
    inflater = zlib.decompressobj()
    content = inflater.decompress(packed, CONTENT_BYTES_MAX + 1)
    if len(content) > CONTENT_BYTES_MAX or not inflater.eof:
        _refuse("its content is larger than a report may be")
    return content


def _refuse(problem: str) -> NoReturn:
    raise WireError(problem, subject="report", hint=HINT)
