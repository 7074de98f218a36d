"""The live page: static files from the package, the charting library, and the headers that keep foreign script out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files

from aiohttp import web

from receiver.charts import Charts

HEADERS: Mapping[str, str] = {
    "Server": "lift-receiver",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
"""On every answer, not only on the page."""

_TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}


def page_routes() -> list[web.RouteDef]:
    """GET / and GET /static/{name}: only files of the package's `static` folder, read once at start, and
    the charting library."""
    folder = files("receiver") / "static"
    contents = {entry.name: entry.read_bytes() for entry in folder.iterdir() if _type_of(entry.name) is not None}
    charts = Charts()
    if charts.name:
        told = f'data-charts="/static/{charts.name}"'.encode()
        contents["index.html"] = contents["index.html"].replace(b'data-charts=""', told)

    async def get_page(_: web.Request) -> web.Response:
        return _file("index.html")

    async def get_static(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return await charts.answer(request) if charts.name and name == charts.name else _file(name)

    def _file(name: str) -> web.Response:
        content_type = _type_of(name)
        if name not in contents or content_type is None:
            raise web.HTTPNotFound
        return web.Response(
            body=contents[name], content_type=content_type, charset="utf-8", headers={"Cache-Control": "no-cache"}
        )

    return [web.get("/", get_page), web.get("/static/{name}", get_static)]


def _type_of(name: str) -> str | None:
    return _TYPES.get("." + name.rpartition(".")[2])
