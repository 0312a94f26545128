"""A real server in processes of its own, operated from here through the same store."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import io
import os
import signal
import socket
import ssl
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import psutil

from tests.warm import Running, warm
from watchword import Watchword
from watchword.cli import main
from watchword.lifecycle.certificates import issue_server_certificate
from watchword.lifecycle.mint import context
from watchword.model.credential import Kind
from watchword.model.verdict import Rate

PATIENCE = 20.0

CONFIG = """\
issuer = "{issuer}"
[server]
listen = "127.0.0.1:{port}"
trusted_proxies = {proxies}
[store]
url = "{store}"
[limits]
address = "{address_limit}"
{more}
"""

TLS = """
[server.tls]
certificate = "server.pem"
private_key = "server.key"
client_ca = "watchword"
"""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class House:
    """Run ``watchword serve`` on a folder of its own."""

    folder: Path
    workers: int = 2
    more: str = ""
    address_limit: str = "1000000/min"
    store: str = ""
    tls: bool = False
    proxies: str = "[]"
    port: int = field(default_factory=free_port)
    _process: Running | None = None

    def __enter__(self) -> House:
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            assert main(["init", str(self.folder)]) == 0  # here: another interpreter takes a second to begin
        if self.tls:
            asyncio.run(self._certify())
            self.more += TLS
        config = self.folder / "watchword.toml"
        url = self.store or f"sqlite:///{self.folder / 'watchword.db'}"
        scheme = "https" if self.tls else "http"
        config.write_text(
            CONFIG.format(
                issuer=f"{scheme}://127.0.0.1:{self.port}",
                port=self.port,
                store=url,
                address_limit=self.address_limit,
                proxies=self.proxies,
                more=self.more,
            )
        )
        self.begin()
        return self

    def begin(self) -> None:
        """Start the server, and wait until it listens."""
        words = ["watchword", "--config", str(self.folder / "watchword.toml"), "serve", "--workers", str(self.workers)]
        self._process = warm().start(words, Path.cwd(), os.environ, self.folder / "serve.log")
        self._await_ready()

    async def _certify(self) -> None:
        """Give the server a certificate of its own CA, as ``ca.pem`` has it."""
        async with self.operator() as watchword:
            (authority,) = await watchword.store.credentials(kind=Kind.CA)
            now = watchword.clock()
            made = issue_server_certificate(
                authority.detail["certificate"].encode(),
                watchword.sealer.open(authority.secret, context(authority.id)),
                ["localhost", "127.0.0.1"],
                now,
                now + 86400,
            )
        for name, pem in zip(("server.pem", "server.key", "ca.pem"), made, strict=True):
            (self.folder / name).write_bytes(pem)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    @property
    def pid(self) -> int:
        """Return the process id of the supervisor."""
        assert self._process is not None
        return self._process.pid

    def output(self) -> str:
        """Return what the server printed."""
        return (self.folder / "serve.log").read_text("utf-8", "replace")

    def _await_ready(self) -> None:
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self._process is not None
            assert self._process.poll() is None, self.output()
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            time.sleep(0.05)
        raise AssertionError(f"the server did not start: {self.output()}")

    @contextlib.asynccontextmanager
    async def operator(self) -> AsyncIterator[Watchword]:
        """Open the same store as another process would: the CLI, or a second node."""
        env = dict(line.split("=", 1) for line in (self.folder / ".env").read_text().splitlines() if "=" in line)
        url = self.store or f"sqlite:///{self.folder / 'watchword.db'}"
        watchword = Watchword(
            url,
            root_key=env["WATCHWORD_ROOT_KEY"].strip("\"'"),
            issuer=f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}",
        )
        await watchword.start()
        try:
            yield watchword
        finally:
            await watchword.stop()


def workers_of(supervisor: int) -> list[psutil.Process]:
    """Return the processes that answer requests: where workers are new interpreters, Python's own watches them."""
    found = []
    for child in psutil.Process(supervisor).children():
        with contextlib.suppress(psutil.Error):
            if "resource_tracker" not in " ".join(child.cmdline()):
                found.append(child)
    return found


class Line:
    """Keep one connection, and so one worker; send requests one after the other."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._port = port
        self._tls = tls
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self.authority = f"127.0.0.1:{port}"

    async def send(
        self, target: str = "/whoami", headers: Sequence[tuple[str, str]] = (), method: str = "GET", body: bytes = b""
    ) -> tuple[int, bytes, bytes]:
        """Return status, head and body of the answer."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._tls)
        reader, writer = self._streams
        lines = [f"{method} {target} HTTP/1.1", f"host: {self.authority}", f"content-length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        head = await reader.readuntil(b"\r\n\r\n")
        fields = dict(line.split(b": ", 1) for line in head.lower().split(b"\r\n")[1:] if b": " in line)
        content = await reader.readexactly(int(fields.get(b"content-length", b"0")))
        if fields.get(b"connection") == b"close":
            self.close()
        return int(head.split(b" ", 2)[1]), head, content

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


@contextlib.contextmanager
def lines(count: int, port: int, tls: ssl.SSLContext | None = None) -> Iterator[list[Line]]:
    """Open several connections: with eight of them, two workers are both reached but once in a hundred times."""
    opened = [Line(port, tls) for _ in range(count)]
    try:
        yield opened
    finally:
        for each in opened:
            each.close()


def signed(
    key_id: str, secret: str, target: str, authority: str, nonce: str, body: bytes = b""
) -> list[tuple[str, str]]:
    """Return the headers of a ``v1`` signature, written from the contract alone."""
    path, _, query = target.partition("?")
    stamp = str(int(time.time()))
    content = hashlib.sha256(body).hexdigest()
    method = "POST" if body else "GET"
    parts = ["watchword-hmac-v1", key_id, stamp, nonce, method, authority.lower(), path, query, "", content]
    signature = hmac.new(secret.encode(), "\n".join(parts).encode(), "sha256").hexdigest()
    return [("x-api-key", key_id), ("x-timestamp", stamp), ("x-nonce", nonce), ("x-signature", signature)]


async def caller(watchword: Watchword, name: str = "service:billing") -> str:
    """Add a subject if it is not there; return its name."""
    if await watchword.store.subject(name) is None:
        await watchword.lifecycle.add_subject(name, by="test")
    return name


async def api_key(watchword: Watchword, limit: Rate | None = None) -> tuple[str, str]:
    """Return id and secret of a new API key."""
    subject = await caller(watchword)
    issued = await watchword.lifecycle.issue(Kind.API_KEY, subject, by="test", limit=limit)
    return issued.credential.id, issued.material["secret"]
