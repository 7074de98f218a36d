"""A visitor of the installer's page in the booted machine: visitor.py WHAT ARGUMENTS..."""

import hashlib
import json
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

URL = "http://127.0.0.1:8089"
CONFIG = Path("/etc/lift-edge-agent/config.toml")
DROP = Path("/var/lib/private/lift-edge-agent/page-settings.json")


def ask(path, values=None, cookie=""):
    headers = {"Cookie": cookie}
    data = None
    if values is not None:
        headers |= {"Origin": URL, "Content-Type": "application/json"}
        data = json.dumps(values).encode()
    request = urllib.request.Request(URL + path, data, headers)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read(), answer.headers.get("Set-Cookie", "").partition(";")[0]
    except urllib.error.HTTPError as refused:
        return refused.code, refused.read(), ""


def until(is_so, seconds=40):
    end = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > end:
            raise SystemExit("it did not come to that")
        time.sleep(0.3)


def entered(pin):
    status, _, cookie = ask("/api/enter", {"pin": pin, "who": "lab"})
    assert status == 204, status
    return cookie


def calibrate(pin):
    cookie = entered(pin)
    ask("/api/calibrate", {"do": "open"}, cookie)

    def phase():
        return json.loads(ask("/api/calibrate", None, cookie)[1])["phase"]

    until(lambda: phase() == "open")
    assert json.loads(ask("/api/state", None, cookie)[1])["agent"] == "calibrating"
    assert ask("/api/calibrate", {"do": "begin", "step": "wiring"}, cookie)[0] == 200
    until(lambda: json.loads(ask("/api/calibrate", None, cookie)[1])["running"] is None)
    assert ask("/api/calibrate", {"do": "close"}, cookie)[0] == 200
    until(lambda: json.loads(ask("/api/state", None, cookie)[1])["agent"] == "armed")


def left(change):
    old = CONFIG.read_text()
    owner = DROP.parent.stat()
    beside = DROP.with_suffix(".new")
    beside.write_text(json.dumps({"old": hashlib.sha256(old.encode()).hexdigest(), "new": change(old)}))
    import os

    os.chown(beside, owner.st_uid, owner.st_gid)
    beside.rename(DROP)
    until(lambda: not DROP.exists(), 10)
    time.sleep(1)
    return old, CONFIG.read_text()


what, *rest = sys.argv[1:]
if what == "enter":
    assert ask("/api/enter", {"pin": rest[0]})[0] == int(rest[1])
elif what == "state":
    cookie = entered(rest[0])
    until(lambda: json.loads(ask("/api/state", None, cookie)[1])["agent"] == rest[1])
elif what == "calibrate":
    calibrate(rest[0])
elif what == "settings":
    old, new = left(lambda text: text.replace("0x53", "0x1d"))
    assert old != new
    assert "0x1d" in new
else:
    old, new = left(lambda text: text.replace("http://127.0.0.1:9", "http://127.0.0.1:10"))
    assert old == new
