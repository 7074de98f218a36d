"""A real PostgreSQL server for the tests, on a Unix socket in a folder of its own; never as root, never shared."""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

PORT = 5432  # names the socket; nothing listens on the network
START_S = 60.0
_USER = "postgres"
_MEMORY = "/dev/shm"  # what a killed process leaves is the same there, and nobody waits for a disk


def program(name: str) -> str | None:
    """Where a program of PostgreSQL is; None: it is not installed. Debian keeps them off the path."""
    found = shutil.which(name)
    if found is not None:
        return found
    kept = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return str(kept[-1]) if kept else None


class Cluster:
    """One server with any number of databases."""

    def __init__(self, memory: str | None = _MEMORY) -> None:
        """Make and start it. memory: where it keeps its files if that is there; None: on the disk for passing files.

        Skips the test by name where there is no PostgreSQL.
        """
        server, maker = program("postgres"), program("initdb")
        if server is None or maker is None:
            pytest.skip("PostgreSQL is not installed (Debian package postgresql)")
        self._server = server
        is_there = memory is not None and os.access(memory, os.W_OK)
        self.folder = Path(tempfile.mkdtemp(prefix="lift-pg-", dir=memory if is_there else None))
        self._as_user = self._other_user()
        self._numbers = itertools.count(1)
        made = [maker, "-D", str(self._data), "-U", _USER, "-A", "trust", "-E", "UTF8", "--no-sync", "--locale=C"]
        subprocess.run(made, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **self._as_user)
        self.start()

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def socket(self) -> Path:
        """Where the server listens."""
        return self.folder / f".s.PGSQL.{PORT}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        command = [self._server, "-D", str(self._data), "-k", str(self.folder), "-c", "listen_addresses="]
        more = ["-c", f"port={PORT}", "-c", "max_connections=60", "-c", "shared_buffers=32MB"]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [*command, *more], stdout=log, stderr=log, start_new_session=True, **self._as_user
            )
        deadline_s = time.monotonic() + START_S
        while True:
            try:
                psycopg.connect(self._address("postgres"), connect_timeout=5).close()
            except psycopg.OperationalError:
                assert time.monotonic() < deadline_s, (self.folder / "log").read_text()
                assert self._process.poll() is None, (self.folder / "log").read_text()
                time.sleep(0.05)
            else:
                return

    def kill(self) -> None:
        """As a power cut would have it: every process of the server at once."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        for child in self._children():
            os.kill(child, signal.SIGKILL)

    def stop(self) -> None:
        """End it and remove everything."""
        self._process.send_signal(signal.SIGINT)
        self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def new_database(self) -> str:
        """The URL of an empty database."""
        name = f"receiver{next(self._numbers)}"
        with psycopg.connect(self._address("postgres"), autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}".encode())
        return self.url(name, self.folder)

    def until_somebody_waits(self, url: str) -> None:
        """Return when a transaction in this database waits for a lock that another holds."""
        name = url.split("/")[3].partition("?")[0]
        deadline_s = time.monotonic() + START_S
        with psycopg.connect(self._address(name), autocommit=True) as db:
            asked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
            while db.execute(asked).fetchone() is None:
                assert time.monotonic() < deadline_s, "nobody waits for a lock"
                time.sleep(0.01)

    def url(self, name: str, folder: Path) -> str:
        """The URL of a database whose server, or a relay in front of it, has its socket in `folder`."""
        return f"postgresql://{_USER}@/{name}?host={folder}&port={PORT}"

    def _address(self, name: str) -> str:
        return f"host={self.folder} port={PORT} user={_USER} dbname={name}"

    def _other_user(self) -> dict[str, Any]:
        """PostgreSQL refuses to run as root."""
        if os.geteuid() != 0:
            return {}
        for name in (_USER, "nobody"):
            try:
                found = pwd.getpwnam(name)
            except KeyError:
                continue
            os.chown(self.folder, found.pw_uid, found.pw_gid)
            self.folder.chmod(0o755)
            return {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
        pytest.skip("there is no user postgres or nobody to run PostgreSQL as")

    def _children(self) -> list[int]:
        """Server processes that put themselves into a session of their own."""
        found = []
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and (entry / "cwd").readlink() == self._data:
                    found.append(int(entry.name))
            except OSError:
                continue
        return found
