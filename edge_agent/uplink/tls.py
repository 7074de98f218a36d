"""TLS to a receiver with a private CA, also while the box does not know what day it is.

A Pi without a battery clock wakes up in the past, where every certificate is "not yet valid" and no alarm would leave
the car. As long as the kernel's clock is not synchronised, dates are not checked, on a context that trusts one private
CA only; its chain and the host name always are. Source: design/wire.md section 4.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from edge_agent.errors import SettingsError

NO_CHECK_TIME = 0x200000
"""Source: OpenSSL, X509_V_FLAG_NO_CHECK_TIME in x509_vfy.h; Python has no name for it."""


class PrivateTls:
    """Gives the context for each new connection."""

    def __init__(self, ca_file: Path, is_clock_set: Callable[[], bool], identity: Path | None = None) -> None:
        """is_clock_set: the clock that OpenSSL reads is right. identity: key and certificate of this box in PEM.

        Raises `SettingsError` for a file that is no CA.
        """
        self._is_clock_set = is_clock_set
        self._identity = identity
        try:
            self._strict, self._dateless = _context(ca_file), _context(ca_file)
            self._shown_ns = self._show()
        except (OSError, ssl.SSLError) as error:
            what = "a CA" if identity is None else "a CA, or of this box"
            raise SettingsError(
                f"this is no certificate of {what} ({error.strerror or error})",
                subject=str(ca_file) if identity is None else f"{ca_file}, {identity}",
                hint="Give ca the file with the receiver's CA certificate in PEM",
            ) from error
        self._dateless.verify_flags |= ssl.VerifyFlags(NO_CHECK_TIME)

    def __call__(self) -> ssl.SSLContext:
        """For a connection that begins now. A certificate that was renewed meanwhile is shown."""
        with suppress(OSError):  # ssl.SSLError too: the certificate that is loaded goes on being shown
            if self._identity is not None and self._identity.stat().st_mtime_ns != self._shown_ns:
                self._shown_ns = self._show()
        return self._strict if self._is_clock_set() else self._dateless

    def _show(self) -> int:
        """Load what this box shows. Returns when the file was written; 0: it shows nothing."""
        if self._identity is None:
            return 0
        written_ns = self._identity.stat().st_mtime_ns
        for context in (self._strict, self._dateless):
            context.load_cert_chain(self._identity)
        return written_ns


def unverified() -> ssl.SSLContext:
    """For joining only: who is at the other end is proved by the key in the invitation, inside the connection."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _context(ca_file: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_verify_locations(cafile=ca_file)
    return context
