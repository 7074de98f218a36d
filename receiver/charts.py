"""The charting library of the page: a file of an installed package, served by this receiver, nothing from outside.

Which one: Plotly, because it is kept by many people, draws bands, gaps and timelines, works on a phone, and runs under
a policy that forbids inline styles (its own are in `static/charts.css`). The page loads it only for a picture.
Source: plotly.js, `addStyleRule`: an element `plotly.js-style-global` of class `no-inline-styles` stops its inlining.
Its part for maps tries a style of its own and two test images when it loads; the policy refuses them, none is missed.
"""

from __future__ import annotations

import asyncio
import gzip
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from aiohttp import web

_PACKAGE, _FILE = "plotly", "package_data/plotly.min.js"
_YEAR = "public, max-age=31536000, immutable"


class Charts:
    """The library as it is served. name: with its version, so that a browser may keep it for ever; "" where none is."""

    def __init__(self) -> None:
        self._path = _library()
        self.name = "" if self._path is None else f"{_PACKAGE}-{version(_PACKAGE)}.min.js"
        self._turn = asyncio.Lock()
        self._packed: bytes | None = None

    async def answer(self, request: web.Request) -> web.Response:
        """The library, packed where the browser takes that: 1.5 MB instead of 5 MB."""
        if self._path is None:
            raise web.HTTPNotFound
        headers = {"Cache-Control": _YEAR, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("Accept-Encoding", ""):
            body, headers["Content-Encoding"] = await self._pack(self._path), "gzip"
        else:
            body = await asyncio.to_thread(self._path.read_bytes)
        return web.Response(body=body, content_type="text/javascript", charset="utf-8", headers=headers)

    async def _pack(self, path: Path) -> bytes:
        """Packed once, in a thread: it takes a third of a second."""
        async with self._turn:
            if self._packed is None:
                self._packed = await asyncio.to_thread(lambda: gzip.compress(path.read_bytes(), 6))
            return self._packed


def _library() -> Path | None:
    """Found without importing the package, which would take a second; None where it is not installed."""
    spec = find_spec(_PACKAGE)
    try:
        version(_PACKAGE)
    except PackageNotFoundError:
        return None
    for folder in () if spec is None else spec.submodule_search_locations or ():
        path = Path(folder) / _FILE
        if path.is_file():
            return path
    return None
