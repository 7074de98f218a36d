"""`lift-receiver invite` and `lift-receiver tls`: let a box join, certify what speaks TLS in front."""

from __future__ import annotations

import os
from pathlib import Path

from edge_agent.certificates import in_pem
from edge_agent.enrol import Invitation
from edge_agent.errors import WireError
from edge_agent.wire_sealing import SigningKey
from receiver.database import FILE_NAME, Place, Turn, key_seed, open_for_writing
from receiver.enrolment import Enrolment
from receiver.errors import ReceiverError
from receiver.keyring import Keyring
from receiver.store import Store

PRIVATE = 0o600


def invite(place: Place, url: str, now_ms: int) -> int:
    """Print the text of a QR code, and the code itself where segno is installed."""
    if isinstance(place, Path) and not (place / FILE_NAME).is_file():
        hint = "Run the receiver once, or give --data its folder"
        raise ReceiverError("there is no receiver here", subject=str(place), hint=hint)
    opened = open_for_writing(place)  # beside a running receiver: one short transaction, for which the other waits
    try:
        with opened.transaction(turn=Turn.ENROLMENT) as db:
            code = Enrolment(db, Keyring(db)).invite(now_ms)
            invitation = Invitation(url.rstrip("/"), SigningKey(key_seed(db)).public, code)
            try:
                Invitation.parse(str(invitation))
            except WireError as error:
                raise ReceiverError("not a usable url", subject=url, hint="Write it like https://host:8443") from error
    finally:
        opened.close()
    _print_qr(str(invitation))
    print(f'{invitation}\n\nGood for one box and seven days. At the box: edge-agent join "{invitation}"')
    return 0


def _print_qr(text: str) -> None:
    try:
        import segno
    except ModuleNotFoundError:
        print("(no QR code: install segno)")
        return
    segno.make(text, error="m", micro=False).terminal(compact=True)


def write_tls(place: Place, host: str, out: Path, now_ms: int) -> int:
    """Write server.pem (key and certificate) and ca.pem."""
    store = Store(place)
    try:
        key, certificate, ca = store.server_identity(host, now_ms)
    finally:
        store.close()
    try:
        out.mkdir(parents=True, exist_ok=True)
        server = out / "server.pem"
        server.unlink(missing_ok=True)
        with os.fdopen(os.open(server, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE), "wb") as file:
            file.write(key + in_pem(certificate))
        (out / "ca.pem").write_bytes(in_pem(ca))
    except OSError as error:
        hint = "Give --out a folder that this user may write"
        raise ReceiverError(error.strerror or str(error), subject=str(out), hint=hint) from error
    print(f"{server}: key and certificate for {host}, 398 days\n{out / 'ca.pem'}: the CA of the boxes")
    return 0
