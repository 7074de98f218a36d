"""A real receiver with something in it, for a judge that asks whatever its description says may be asked."""

from __future__ import annotations

import re
import subprocess
import sys
import urllib.request
from pathlib import Path

from edge_agent.wire import BATCH_TYPE, KEY_HEADER
from tests.receiver.making import KEY, alarm, body, identity

PASSWORD = "four words that nobody guesses"
JUDGE = Path(__file__).with_name("api_judge.py")
RECEIVER = (sys.executable, "-m", "receiver")


def judged(python: Path, folder: Path) -> int:
    """What the judge says. python: of the environment with schemathesis; folder: empty, for both."""
    place = ("--data", str(folder / "receiver"))
    _run("init", "--admin", "root", "--password-stdin", *place, given=PASSWORD)
    token = _run("user", "token", "root", "--label", "judge", *place).split()[-1]
    with (folder / "said.txt").open("w") as said:
        process = subprocess.Popen(
            [*RECEIVER, "run", "--port", "0", *place], stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("listening on ").strip()
            _tell(url)
            asked = [str(python), str(JUDGE), f"{url}/v1/openapi.json", token, str(folder)]
            found = subprocess.run(asked, check=False).returncode
        finally:
            process.terminate()
            process.wait()
    errors = re.findall(r"Traceback.*(?:\n .*)*\n.*", (folder / "said.txt").read_text())
    for error in errors[:3]:
        print(f"the receiver had an error of its own:\n{error}")
    return found or len(errors)


def _tell(url: str) -> None:
    headers = {"Content-Type": BATCH_TYPE, KEY_HEADER: KEY.public.text}
    sent = body(identity(1, "31104403532019060007"), alarm(1))
    request = urllib.request.Request(f"{url}/v1/records", data=sent, headers=headers)
    with urllib.request.urlopen(request, timeout=10):
        pass


def _run(*arguments: str, given: str = "") -> str:
    done = subprocess.run([*RECEIVER, *arguments], input=given + "\n", capture_output=True, text=True, check=True)
    return done.stdout
