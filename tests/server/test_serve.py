"""Real server processes: starting, stopping, and several workers that agree."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from tests.figures.house import workers_of
from tests.server.test_check import signed

from watchword.app import Watchword
from watchword.codec.secrets import new_root_key
from watchword.lifecycle.certificates import issue_server_certificate
from watchword.model.credential import Kind
from watchword.server.config.load import ConfigError, load, watchword_of
from watchword.server.serve import ServerProtocol, _bound, application, prepare, serve

pytestmark = pytest.mark.processes

RUN = """
import sys
from watchword.server.config.load import load
from watchword.server.serve import serve
if __name__ == "__main__":
    serve(load(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
"""


class Process:
    """One server process with its workers."""

    def __init__(self, folder: Path, workers: int) -> None:
        (folder / "run.py").write_text(RUN)
        self.started = time.monotonic()
        self.errors = (folder / "errors").open("w+")
        command = [sys.executable, str(folder / "run.py"), str(folder / "watchword.toml"), "127.0.0.1:0", str(workers)]
        self.process = subprocess.Popen(command, stderr=self.errors)
        self.url = self._wait(re.compile(r"listens on (\S+)"))

    def said(self) -> str:
        return Path(self.errors.name).read_text()

    def _wait(self, pattern: re.Pattern[str]) -> str:
        while time.monotonic() - self.started < 30:
            found = pattern.search(self.said())
            if found:
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.01)
        raise AssertionError(self.said())

    def ready(self, verify: bool = True) -> float:
        """Wait until it answers, and return the seconds that this took since the start."""
        with httpx2.Client(base_url=self.url, trust_env=False, verify=verify) as client:
            while time.monotonic() - self.started < 30:
                try:
                    if client.get("/readyz", timeout=10).status_code == 200:
                        return time.monotonic() - self.started
                except httpx2.TransportError:
                    time.sleep(0.01)
        raise AssertionError(self.said())

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(20)
        finally:
            if self.process.poll() is None:
                self.process.kill()
            self.errors.close()


def prepare_folder(folder: Path, toml: str = "") -> None:
    (folder / "watchword.toml").write_text(toml + '\n[store]\nurl = "sqlite:///watchword.db"\n')
    (folder / ".env").write_text(f"WATCHWORD_ROOT_KEY={new_root_key()}\n")


@contextmanager
def running(folder: Path, workers: int) -> Iterator[Process]:
    process = Process(folder, workers)
    try:
        yield process
    finally:
        process.stop()


@contextmanager
def beside(folder: Path) -> Iterator[tuple[Watchword, asyncio.Runner]]:
    """Open the same store in this process, as the command line does."""
    with asyncio.Runner() as runner:
        watchword = watchword_of(load(folder / "watchword.toml"))
        runner.run(watchword.start())
        try:
            yield watchword, runner
        finally:
            runner.run(watchword.stop())


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Watchword, asyncio.Runner]]:
    folder = tmp_path_factory.mktemp("two")
    prepare_folder(folder, '[limits]\naddress = ""\n')
    with running(folder, 2) as process, beside(folder) as (watchword, runner):
        process.ready()
        runner.run(watchword.lifecycle.add_subject("service:billing", by="test"))
        yield process, watchword, runner


def get(url: str, headers: dict[str, str]) -> int:
    """Ask on a connection of its own, so that any worker may answer."""
    return httpx2.get(url, headers=headers, trust_env=False, timeout=10, verify=False).status_code


def test_two_workers_refuse_a_revoked_key_within_a_second(two: tuple[Process, Watchword, asyncio.Runner]) -> None:
    process, watchword, runner = two
    took = []
    for _ in range(20):
        issued = runner.run(watchword.lifecycle.issue(Kind.API_KEY, "service:billing", by="test"))
        headers = {"authorization": f"Bearer {issued.material['secret']}"}
        assert {get(f"{process.url}/whoami", headers) for _ in range(6)} == {200}
        runner.run(watchword.lifecycle.revoke(issued.credential.id, reason="test", by="test"))
        start, refused = time.monotonic(), 0
        while refused < 8:  # in a row, over connections that the workers share
            refused = refused + 1 if get(f"{process.url}/whoami", headers) == 401 else 0
            if not refused:
                took.append(time.monotonic() - start)
            assert time.monotonic() - start < 5
    assert max(took, default=0.0) < 1.0


def test_two_workers_accept_each_signature_once(two: tuple[Process, Watchword, asyncio.Runner]) -> None:
    process, watchword, runner = two
    issued = runner.run(watchword.lifecycle.issue(Kind.HMAC, "service:billing", by="test"))
    host = process.url.removeprefix("http://")
    requests = [signed(dict(issued.material), f"/whoami?n={number}", "GET", b"", host) for number in range(5)]
    sent = [(f"{process.url}/whoami?n={number % 5}", requests[number % 5]) for number in range(100)]
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda each: get(*each), sent))
    assert statuses == {200: 5, 401: 95}


def test_two_workers_count_one_limit(two: tuple[Process, Watchword, asyncio.Runner]) -> None:
    from watchword.model.verdict import Rate

    process, watchword, runner = two
    issued = runner.run(watchword.lifecycle.issue(Kind.API_KEY, "service:billing", by="test", limit=Rate(50, 3600)))
    headers = {"authorization": f"Bearer {issued.material['secret']}"}
    with ThreadPoolExecutor(8) as pool:
        statuses = Counter(pool.map(lambda _: get(f"{process.url}/whoami", headers), range(90)))
    assert statuses.keys() <= {200, 429}
    assert 48 <= statuses[200] <= 53


def test_a_killed_worker_is_replaced(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    with running(tmp_path, 2) as process:

        def workers() -> set[int]:
            return {each.pid for each in workers_of(process.process.pid)}

        process.ready()
        children = workers()
        assert len(children) == 2
        supervisor = psutil.Process(process.process.pid)  # a copy of it must take neither along
        assert supervisor.num_threads() == 1
        assert [each.path for each in supervisor.open_files() if ".db" in each.path] == []
        os.kill(min(children), signal.SIGKILL)
        deadline = time.monotonic() + 20
        while True:
            now = workers()
            if len(now) == 2 and now != children:
                break
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert {get(f"{process.url}/healthz", {}) for _ in range(8)} == {200}


def test_one_worker_starts_and_stops(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    process = Process(tmp_path, 1)
    process.ready()
    assert get(f"{process.url}/healthz", {}) == 200
    assert process.stop() in (0, -signal.SIGTERM)
    assert "Traceback" not in Path(tmp_path / "errors").read_text()


def test_a_request_under_way_is_finished_before_the_end(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    with running(tmp_path, 1) as process:
        process.ready()
        host, _, port = process.url.removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port))) as raw:
            raw.sendall(
                b"POST /refresh HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{"
            )
            time.sleep(0.2)
            process.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            raw.sendall(b"}")
            assert raw.recv(100).startswith(b"HTTP/1.1 400")


def test_tls_with_our_own_authority(tmp_path: Path) -> None:
    tls = '[server.tls]\ncertificate = "server.pem"\nprivate_key = "server.key"\nclient_ca = "watchword"\n'
    prepare_folder(tmp_path)
    with beside(tmp_path) as (watchword, runner):
        from watchword.lifecycle.mint import context

        authority = runner.run(watchword.store.credentials(kind=Kind.CA))[0]
        key = watchword.sealer.open(authority.secret, context(authority.id))
        now = int(time.time())
        pem = authority.detail["certificate"].encode()
        certificate, private, _ = issue_server_certificate(pem, key, ["127.0.0.1"], now, now + 3600)
        runner.run(watchword.lifecycle.add_subject("service:billing", by="test"))
        issued = runner.run(watchword.lifecycle.issue(Kind.CLIENT_CERT, "service:billing", by="test"))
    (tmp_path / "server.pem").write_bytes(certificate)
    (tmp_path / "server.key").write_bytes(private)
    (tmp_path / "client.pem").write_text(issued.material["certificate"] + issued.material["private_key"])
    (tmp_path / "watchword.toml").write_text(tls + '[store]\nurl = "sqlite:///watchword.db"\n')
    import ssl

    trusted = ssl.create_default_context(cadata=pem.decode())
    with running(tmp_path, 1) as process:
        assert process.url.startswith("https://")
        process.ready(verify=False)
        with httpx2.Client(base_url=process.url, verify=trusted, trust_env=False) as stranger:
            answer = stranger.get("/whoami")
            assert answer.status_code == 401
            assert "strict-transport-security" in answer.headers
        trusted.load_cert_chain(tmp_path / "client.pem")
        with httpx2.Client(base_url=process.url, verify=trusted, trust_env=False) as known:
            said = known.get("/whoami").json()
            assert (said["subject"], said["scheme"]) == ("service:billing", "mtls")


def test_several_workers_need_a_store_that_can_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "watchword.toml").write_text('[store]\nurl = "memory:"\n')
    settings = load(tmp_path / "watchword.toml")
    with pytest.raises(ConfigError, match="2 workers cannot share this store"):
        asyncio.run(prepare(settings, 2))


def test_another_root_key_is_refused(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    settings = load(tmp_path / "watchword.toml")
    asyncio.run(prepare(settings, 1))
    (tmp_path / ".env").write_text(f"WATCHWORD_ROOT_KEY={new_root_key()}\n")
    with pytest.raises(ValueError, match="root key does not fit"):
        asyncio.run(prepare(settings, 1))


def test_an_address_that_is_taken(tmp_path: Path) -> None:
    prepare_folder(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        serve(load(tmp_path / "watchword.toml"), f"127.0.0.1:{taken.getsockname()[1]}")


def test_a_providers_secret_that_is_missing_stops_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_SECRET", raising=False)
    config = tmp_path / "watchword.toml"
    config.write_text('[[provider]]\npreset = "google"\nclient_id = "x"\nclient_secret_env = "NO_SUCH_SECRET"\n')
    with pytest.raises(ConfigError, match="NO_SUCH_SECRET is not set"):
        asyncio.run(prepare(load(config), 1))


class _AtOnce:
    """Answer every question at once, and whatever else there is by a task."""

    def at_once(self, *_: Any) -> list[tuple[bytes, bytes]]:
        return [(b"content-length", b"0")]

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})
        await send({"type": "http.response.body", "body": b""})


def test_a_connection_answered_at_once_is_kept_while_it_is_used_and_closed_when_it_rests() -> None:
    import uvicorn
    from uvicorn.server import ServerState

    question, other = (b"GET %b HTTP/1.1\r\nhost: x\r\n\r\n" % path for path in (b"/check", b"/other"))

    async def play() -> list[float]:
        config = uvicorn.Config(_AtOnce(), interface="asgi3", ws="none", proxy_headers=False, lifespan="off")  # type: ignore[arg-type]
        config.load()
        config.timeout_keep_alive = 0.4  # type: ignore[assignment]
        state, loop = ServerState(), asyncio.get_running_loop()
        server = await loop.create_server(lambda: ServerProtocol(config, state, {}), "127.0.0.1", 0)
        took = []
        for last in (question, other):
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            for sent in (question, question, other, question, last):  # each a little before its time is over
                writer.write(sent)
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 20")
                begun = loop.time()
                await asyncio.sleep(0.25)
            assert await reader.read() == b""
            took.append(loop.time() - begun)
            writer.close()
        server.close()
        return took

    for took in asyncio.run(play()):
        assert 0.35 < took < 2.0


def test_an_answer_does_not_wait_for_the_callers_acknowledgement() -> None:
    """asyncio turns Nagle's algorithm off only for sockets that say that they are TCP: else each answer takes 40 ms."""

    async def nodelay(bound: socket.socket) -> int:
        accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted.set_result(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        server = await asyncio.start_server(taken, sock=bound)
        with socket.create_connection(bound.getsockname()[:2]):
            found = await asyncio.wait_for(accepted, 5)
        server.close()
        return found

    with _bound("127.0.0.1", 0) as bound:
        assert asyncio.run(nodelay(bound)) != 0


def test_what_lasts_is_not_looked_at_for_garbage_while_requests_wait(tmp_path: Path) -> None:
    """A full collection takes as long as a hundred requests; modules, pages and routes are never garbage."""
    (tmp_path / "watchword.toml").write_text('[store]\nurl = "memory:"\n')
    before = gc.get_freeze_count()
    try:
        application(load(tmp_path / "watchword.toml"), 1)
        assert gc.get_freeze_count() > before + 10_000
    finally:
        gc.unfreeze()
