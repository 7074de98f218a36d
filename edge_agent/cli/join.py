"""`edge-agent join`: makes a receiver known to this box and this box to the receiver, by the text of its QR code."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from edge_agent.certificates import in_pem, new_key, request_for
from edge_agent.cli import SUMMARIES
from edge_agent.cli.state_folder import StateFolder
from edge_agent.enrol import (
    NONCE_BYTES,
    Invitation,
    Join,
    Joined,
    decode_hello,
    decode_joined,
    encode_asked,
    encode_join,
    keeper_of,
    proof_of,
    secret_of,
)
from edge_agent.enrolment_folder import keep
from edge_agent.errors import EdgeAgentError, SettingsError, WireError
from edge_agent.request_drop import give_to_owner
from edge_agent.settings_toml import DEFAULT_STATE_FOLDER
from edge_agent.uplink.http import HttpUplink
from edge_agent.uplink.tls import unverified
from edge_agent.wire import answer_tag
from edge_agent.wire_sealing import SealRefused, SigningKey, Use, text_of_secret

if TYPE_CHECKING:
    from argparse import _SubParsersAction


class FarEnd(Protocol):
    """The receiver, as joining needs it."""

    def hello(self, nonce: bytes) -> bytes:
        """A sealed answer to a number."""
        ...

    def join(self, body: bytes) -> bytes:
        """A sealed answer to a request."""
        ...


def add_parser(commands: _SubParsersAction[argparse.ArgumentParser]) -> None:
    """Describe the arguments."""
    parser = commands.add_parser("join", help=SUMMARIES["join"], description=__doc__)
    parser.add_argument("text", help='the text of the QR code, in quotes: "LIFT1 https://... ... ..."')
    parser.add_argument("--state", metavar="FOLDER", default=DEFAULT_STATE_FOLDER, help="default %(default)s")


def run(args: argparse.Namespace) -> int:
    """Join, and say what was kept where."""
    try:
        invitation = Invitation.parse(args.text)
    except WireError as error:
        raise SettingsError(error.problem, subject="join", hint=error.hint) from error
    folder = StateFolder(Path(args.state))
    key, _ = folder.record_key()
    far_end = HttpUplink(invitation.url, tls=unverified)
    tls_key = new_key()
    try:
        joined, secret = join(invitation, key, tls_key, far_end, os.urandom)
    except SealRefused as error:
        problem = f"this is not the receiver of the invitation ({error.problem}); nothing was sent"
        hint = "Somebody may stand in between: check the network, or ask for a new invitation"
        raise EdgeAgentError(problem, subject=invitation.url, hint=hint) from error
    except WireError as error:
        raise EdgeAgentError(f"no usable answer: {error.problem}", subject=invitation.url, hint=error.hint) from error
    finally:
        far_end.close()
    identity = tls_key + in_pem(joined.certificate)
    ca, kept_secret = in_pem(joined.ca), text_of_secret(secret)
    kept = keep(folder.path, invitation.url, invitation.receiver.text, ca, identity, kept_secret)
    give_to_owner(folder.path)  # root's files would be closed to the agent's user
    print(f"This box is {key.public.fingerprint.hex()} and has joined {invitation.url}")
    print(f"Kept in {kept}. Start the agent: the settings need no [delivery] for this receiver.")
    return 0


def join(
    invitation: Invitation, key: SigningKey, tls_key: bytes, far_end: FarEnd, draw: Callable[[int], bytes]
) -> tuple[Joined, bytes]:
    """The receiver's answer and the shared secret. draw: random bytes.

    Raises `SealRefused` where the far end has not the key of the invitation (then nothing of this box was sent),
    `WireError` for an answer that is none, `UplinkError`.
    """
    nonce = draw(NONCE_BYTES)
    hello = decode_hello(invitation.receiver.open(far_end.hello(nonce), Use.HELLO))
    if hello.nonce != nonce:
        raise SealRefused("an old answer", subject="hello", hint="Ask for a new invitation")
    device = key.public.fingerprint
    asked = Join(device, key.public, request_for(tls_key, device.hex()), nonce)
    sealed = key.seal(encode_join(asked), Use.JOIN)
    kept = keeper_of(invitation.code)
    body = encode_asked(sealed, proof_of(kept, sealed))
    joined = decode_joined(invitation.receiver.open(far_end.join(body), Use.JOIN))
    if joined.device != device or joined.answers != answer_tag(body):
        raise WireError("the answer is for another request", subject="joined", hint="Run join again")
    return joined, secret_of(kept, asked)
