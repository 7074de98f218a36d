"""The page: hostile text stays text, foreign sites stay outside, and both languages say everything."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from tests.receiver.live import FarEnd, with_receiver
from tests.receiver.making import alarm, body, identity

STATIC = {
    entry.name: entry.read_text(encoding="utf-8")
    for entry in (files("receiver") / "static").iterdir()
    if entry.name.endswith((".js", ".html", ".css", ".svg"))
}
SCRIPTS = {name: text for name, text in STATIC.items() if name.endswith(".js")}
WAYS_INTO_MARKUP = (
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|srcdoc|DOMParser|createContextualFragment",
    r"\beval\b|new Function|javascript:|\bimport\(",
    r"setAttribute\(\s*[\"'](on|href|src|style)",
)
HOSTILE = "</script><img src=x onerror=alert(1)>"
ID = "faa34e693dafa441-2654435769-0-1"


def test_hostile_text_travels_as_json_and_nothing_else(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(identity(1, HOSTILE[:32]), alarm(1, note=HOSTILE)))
        await far_end.tell(ID, {"act": "taken_over", "who": HOSTILE[:32]})
        for path in ("/v1/incidents", f"/v1/incidents/{ID}"):
            answer = await far_end.client.get(far_end.url + path)
            assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert HOSTILE in await answer.text()

    with_receiver(tmp_path, story)


def test_a_line_end_in_foreign_text_cannot_forge_an_event(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1, note="x\n\nevent: board\ndata: {}\n\n")))
        page = await far_end.client.get(f"{far_end.url}/v1/events")
        block = await page.content.readuntil(b"\n\n")
        assert block.count(b"\n") == 3
        assert json.loads(block.split(b"data: ", 1)[1])["incidents"][0]["note"].startswith("x\n\nevent")
        page.close()

    with_receiver(tmp_path, story)


@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_no_script_parses_text_as_markup_or_code(name: str) -> None:
    for way in WAYS_INTO_MARKUP:
        assert re.search(way, SCRIPTS[name]) is None, way
    assert re.search(r"set(Timeout|Interval)\(\s*[\"'`]", SCRIPTS[name]) is None


def test_the_page_has_no_inline_script_style_or_foreign_address() -> None:
    html = STATIC["index.html"]
    assert re.findall(r"<script[^>]*>(.*?)</script>", html) == [""]
    assert "<style" not in html
    assert re.search(r"\sstyle=|\son\w+=", html) is None
    for name, text in STATIC.items():
        addresses = set(re.findall(r"https?://[^\s\"')]+", text)) - {"http://www.w3.org/2000/svg"}
        assert addresses == set(), name


def test_every_answer_carries_the_headers_that_keep_script_out(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        for path in ("/", "/static/page.js", "/static/page.css", "/v1/incidents", "/nowhere", "/static/nothing.js"):
            headers = (await far_end.client.get(far_end.url + path)).headers
            policy = headers["Content-Security-Policy"]
            assert "default-src 'none'" in policy
            assert "script-src 'self'" in policy
            assert "unsafe" not in policy
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["X-Frame-Options"] == "DENY"

    with_receiver(tmp_path, story)


def test_every_file_the_page_names_is_served_with_its_type(tmp_path: Path) -> None:
    named = set(re.findall(r"/static/([\w.]+)", STATIC["index.html"]))
    named |= {name for text in SCRIPTS.values() for name in re.findall(r"from \"\./([\w.]+)\"", text)}
    types = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}
    types["webmanifest"] = "application/manifest+json"

    async def story(far_end: FarEnd) -> None:
        assert (await far_end.client.get(f"{far_end.url}/")).content_type == "text/html"
        for name in named:
            answer = await far_end.client.get(f"{far_end.url}/static/{name}")
            assert (answer.status, answer.content_type) == (200, types[name.rpartition(".")[2]])

    assert len(named) >= 8
    with_receiver(tmp_path, story)


@pytest.mark.parametrize("name", ["..%2Fpage.py", "%2e%2e/page.py", "../page.py", "words.js%00", ""])
def test_nothing_outside_the_static_folder_is_served(tmp_path: Path, name: str) -> None:
    import asyncio

    async def story(far_end: FarEnd) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", far_end.port)
        writer.write(f"GET /static/{name} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        status = b"400" if "%00" in name else b"404"  # U+0000 is refused at the door
        assert (await reader.read()).startswith(b"HTTP/1.1 " + status)
        writer.close()

    with_receiver(tmp_path, story)


def test_a_page_of_another_site_is_refused(tmp_path: Path) -> None:
    async def story(far_end: FarEnd) -> None:
        await far_end.receipt(body(alarm(1)))
        at = f"{far_end.url}/v1/incidents/{ID}/notice"
        notice = {"act": "closed", "who": "x"}
        stranger = await far_end.client.post(at, json=notice, headers={"Origin": "http://evil.example"})
        rebound = await far_end.client.post(at, json=notice, headers={"Host": "evil.example"})
        simple = await far_end.client.post(at, data=json.dumps(notice), headers={"Content-Type": "text/plain"})
        assert (stranger.status, rebound.status, simple.status) == (403, 403, 415)
        own = await far_end.client.post(at, json=notice, headers={"Origin": far_end.url})
        assert own.status == 200

    with_receiver(tmp_path, story)


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
@pytest.mark.parametrize("name", sorted(SCRIPTS))
def test_every_script_is_well_formed(name: str, tmp_path: Path) -> None:
    module = tmp_path / name.replace(".js", ".mjs")
    module.write_text(SCRIPTS[name], encoding="utf-8")
    done = subprocess.run(["node", "--check", str(module)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
