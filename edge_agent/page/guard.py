"""Which requests are meant for this page: by Host, Origin and kind of content; and the headers that every answer has.

A page of somebody else can make a browser ask here, by another name of this address (DNS rebinding) or from its own
origin; both say so in these headers, which no script can change. Source: design/wire.md, section 5.4.
"""

from __future__ import annotations

from edge_agent.page.web import Answer, Request

LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = (
    ("Content-Security-Policy", POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
    ("Cache-Control", "no-store"),
)


class Guard:
    """address, port: where the page listens."""

    def __init__(self, address: str, port: int) -> None:
        self._is_loopback = address.startswith("127.") or address == "::1"
        name = f"[{address}]" if ":" in address else address
        self._hosts = frozenset({f"{name}:{port}"} | ({name} if port == 80 else set()))

    def refusal(self, request: Request) -> Answer | None:
        """Why a request is not answered; None: it is meant for this page."""
        host = request.headers["host"].lower()
        if not self._is_ours(host):
            return Answer(421, b"This page is asked for by its address, and by no other name.\n")
        origin = request.headers.get("origin")
        is_foreign = origin is not None and origin.lower() != f"http://{host}"
        site = request.headers.get("sec-fetch-site", "same-origin")
        if is_foreign or (request.path != "/" and site != "same-origin") or site == "cross-site":
            return Answer(403, b"This page answers its own scripts, and no other page's.\n")
        if request.method == "POST":
            if origin is None:
                return Answer(403, b"A change needs the Origin that browsers send.\n")
            if request.headers.get("content-type") != "application/json":
                return Answer(415, b"A change is JSON.\n")
        return None

    def _is_ours(self, host: str) -> bool:
        """Behind a tunnel the port is another one, but the name is still loopback's."""
        if host in self._hosts:
            return True
        name, _, port = host.rpartition(":")
        return self._is_loopback and name in LOOPBACK_NAMES and port.isdecimal()
