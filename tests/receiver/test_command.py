"""The command as a person or a service starts it: real processes, real signals, real kills."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from edge_agent.wire import (
    BATCH_TYPE,
    KEY_HEADER,
    Mark,
    Receipt,
    Stream,
    Verdict,
    decode_receipt,
    encode_batch,
    encode_record,
)
from edge_agent.wire_sealing import Direction, MacKey, Use, sealed_in, secret_in
from tests.receiver.making import KEY, alarm, body, raw_batch

ENVIRONMENT = {**os.environ, "PYTHONUNBUFFERED": ""}


@contextmanager
def receiver(
    folder: Path, *more: str, command: Sequence[str] = ("-m", "receiver", "run")
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A receiver in a process of its own, and the address from its one line."""
    process = subprocess.Popen(
        [sys.executable, *command, "--port", "0", "--data", str(folder), *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=ENVIRONMENT,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.fullmatch(r"listening on (http://127\.0\.0\.1:\d+)\n", line)
        assert found is not None, (line, process.stderr and process.stderr.read())
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def post(url: str, sent: bytes) -> Receipt:
    request = urllib.request.Request(
        f"{url}/v1/records", data=sent, headers={"Content-Type": BATCH_TYPE, KEY_HEADER: KEY.public.text}
    )
    with urllib.request.urlopen(request, timeout=10) as answer:
        return decode_receipt(sealed_in(answer.read()).payload)


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "receiver", *arguments], capture_output=True, text=True, timeout=20, check=False
    )


def test_sigterm_stops_it_cleanly_and_it_said_one_line_on_standard_output(tmp_path: Path) -> None:
    with receiver(tmp_path) as (process, url):
        post(url, body(alarm(1)))
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=10)
    assert process.returncode == 0
    assert out == ""
    lines = [line.partition(" ")[2] for line in err.splitlines()]
    assert lines == [
        "first contact with box faa34e693dafa441",
        "stored alarm: Entrapment, raised, box faa34e693dafa441, incident 1, someone inside 93 %",
        "stopped",
    ]


def test_it_stops_at_once_although_a_page_is_open_and_a_box_waits(tmp_path: Path) -> None:
    with receiver(tmp_path) as (process, url):
        post(url, body(alarm(1)))
        port = int(url.rpartition(":")[2])
        with (
            socket.create_connection(("127.0.0.1", port)) as page,
            socket.create_connection(("127.0.0.1", port)) as box,
        ):
            page.sendall(b"GET /v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert page.recv(100).startswith(b"HTTP/1.1 200")
            box.sendall(b"GET /v1/notices?dev=faa34e693dafa441&wait=50 HTTP/1.1\r\nHost: localhost\r\n\r\n")
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=5)
    assert process.returncode == 0


def test_a_port_in_use_is_named_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run("run", "--port", str(port), "--data", str(tmp_path))
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"lift-receiver: port {port} on 127.0.0.1: in use by another program. Stop that program, choose another port "
        "with --port N, or take any free one with --port 0"
    ]


def test_a_folder_in_use_and_one_that_cannot_be_made_are_named(tmp_path: Path) -> None:
    with receiver(tmp_path / "a"):
        done = run("run", "--port", "0", "--data", str(tmp_path / "a"))
        assert done.returncode == 2
        assert "another receiver runs on this folder" in done.stderr
    (tmp_path / "file").write_text("")
    done = run("run", "--port", "0", "--data", str(tmp_path / "file" / "below"))
    assert done.returncode == 2
    assert "Give --data a folder" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_impossible_port_is_refused(tmp_path: Path) -> None:
    done = run("run", "--port", "65536", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "no port in 0..65535" in done.stderr


def test_listening_for_other_machines_is_warned_about(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "receiver", "run", "--host", "0.0.0.0", "--port", "0", "--data", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().startswith("listening on http://0.0.0.0:")
    process.terminate()
    _, err = process.communicate(timeout=10)
    assert "WARNING" in err
    assert "nobody can see or take over an incident" in err


def test_open_incidents_are_listed_while_it_runs_and_after(tmp_path: Path) -> None:
    with receiver(tmp_path) as (process, url):
        post(url, body(alarm(1)))
        during = run("incidents", "--data", str(tmp_path))
        process.terminate()
        process.communicate(timeout=10)
    after = run("incidents", "--data", str(tmp_path))
    assert during.returncode == 0
    assert "Entrapment, box faa34e693dafa441, stored, nobody has taken it over" in during.stdout
    assert after.stdout == during.stdout


def test_a_folder_without_database_is_named(tmp_path: Path) -> None:
    done = run("incidents", "--data", str(tmp_path))
    assert done.returncode == 2
    assert "there is no receiver database" in done.stderr


def test_killed_between_commit_and_answer_it_has_the_batch_once(tmp_path: Path) -> None:
    sent = body(alarm(1), alarm(2))
    with receiver(tmp_path, command=("-m", "tests.receiver.dying")) as (process, url):
        port = int(url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as box:
            head = (
                f"POST /v1/records HTTP/1.1\r\nHost: x\r\nContent-Type: {BATCH_TYPE}\r\n"
                f"{KEY_HEADER}: {KEY.public.text}\r\nContent-Length: {len(sent)}"
            )
            box.sendall(head.encode() + b"\r\n\r\n" + sent)
            try:
                answer = box.recv(100)
            except ConnectionResetError:
                answer = b""
        assert answer == b""
        process.communicate(timeout=10)
        assert process.returncode == -signal.SIGKILL
    with receiver(tmp_path) as (_, url):
        receipt = post(url, sent)
        assert receipt.verdicts == (Verdict.HAD_IT, Verdict.HAD_IT)
        assert receipt.marks == (Mark(Stream.ALARM, 2),)
        listed = run("incidents", "--data", str(tmp_path)).stdout.splitlines()
        assert len(listed) == 2


def test_killed_before_the_commit_it_has_nothing_and_says_so(tmp_path: Path) -> None:
    sent = body(alarm(1))
    with receiver(tmp_path, "--early", command=("-m", "tests.receiver.dying")) as (process, url):
        try:
            post(url, sent)
        except OSError:
            process.communicate(timeout=10)
        assert process.returncode == -signal.SIGKILL
    with receiver(tmp_path) as (_, url):
        assert post(url, sent).verdicts == (Verdict.STORED,)


@pytest.mark.timeout(240)  # several commands, each a process of its own
def test_a_secret_is_shared_with_a_known_box_and_its_short_seals_are_opened(tmp_path: Path) -> None:
    device = KEY.public.fingerprint
    assert run("share", device.hex(), "--data", str(tmp_path)).returncode == 2
    with receiver(tmp_path) as (process, url):
        post(url, body(alarm(1)))
        assert "another receiver runs" in run("share", device.hex(), "--data", str(tmp_path)).stderr
        process.terminate()
        process.wait(timeout=10)
    done = run("share", device.hex(), "--data", str(tmp_path))
    secret = secret_in(done.stdout.strip())
    with receiver(tmp_path) as (_, url):
        item = MacKey(secret, Direction.UP).seal(encode_record(alarm(2)), Use.RECORD)
        assert post(url, encode_batch(raw_batch([item]))).verdicts == (Verdict.STORED,)
    assert run("share", "abc", "--data", str(tmp_path)).returncode == 2
    assert len(run("key", "--data", str(tmp_path)).stdout.strip()) == 43
