"""What a server sends to a collector, received by one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.server.live import live

from watchword.app import Watchword
from watchword.model.credential import Kind
from watchword.server.config.load import ConfigError, load
from watchword.server.metrics import otel
from watchword.server.metrics.otel import Telemetry, begin, missing
from watchword.server.serve import prepare


class Collector(ThreadingHTTPServer):
    """Keep what comes."""

    daemon_threads = True

    def __init__(self) -> None:
        self.bodies: dict[str, list[bytes]] = defaultdict(list)

        class Asked(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                self.server.bodies[self.path].append(body)  # type: ignore[attr-defined]
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                """Say nothing."""

        super().__init__(("127.0.0.1", 0), Asked)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_spans_and_metrics_reach_the_collector_when_the_server_ends(collector: Collector, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{collector.server_port}"
    with live(tmp_path, f'[otel]\nendpoint = "{url}/"\nservice = "front door"\n') as server:
        secret = server.issue(Kind.API_KEY, server.service("billing")).material["secret"]
        with server.client() as client:
            for path in ("/check", "/whoami"):
                assert client.get(path, headers={"authorization": f"Bearer {secret}"}).status_code == 200
            assert client.get("/whoami").status_code == 401
    found = [ExportTraceServiceRequest.FromString(body) for body in collector.bodies["/v1/traces"]]
    (resource,) = {
        attribute.value.string_value
        for each in found
        for group in each.resource_spans
        for attribute in group.resource.attributes
        if attribute.key == "service.name"
    }
    assert resource == "front door"
    names = [
        span.name
        for each in found
        for group in each.resource_spans
        for scope in group.scope_spans
        for span in scope.spans
    ]
    assert sorted(names) == ["decide GET /check", "decide GET /whoami", "decide GET /whoami"]
    assert all(secret.encode() not in body for bodies in collector.bodies.values() for body in bodies)
    metrics = [ExportMetricsServiceRequest.FromString(body) for body in collector.bodies["/v1/metrics"]]
    assert "watchword.decision.duration" in str(metrics)


def test_a_collector_that_is_gone_holds_up_nothing(tmp_path: Path) -> None:
    with live(tmp_path, '[otel]\nendpoint = "http://127.0.0.1:9"\n') as server, server.client() as client:
        assert client.get("/whoami").status_code == 401
        begun = time.monotonic()
    assert time.monotonic() - begun < 12


def test_a_share_of_nothing_begins_no_trace(collector: Collector, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{collector.server_port}"
    with live(tmp_path, f'[otel]\nendpoint = "{url}"\nshare = 0.0\n') as server, server.client() as client:
        assert client.get("/whoami").status_code == 401
    assert collector.bodies["/v1/traces"] == []
    assert collector.bodies["/v1/metrics"]


def test_without_an_endpoint_the_gate_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text("")
    watchword = Watchword("memory:")
    gate = watchword.gate
    begin(watchword, load(tmp_path / "watchword.toml"))
    assert watchword.gate is gate


def test_a_server_does_not_start_without_what_it_is_told_to_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "watchword.toml").write_text('[otel]\nendpoint = "http://127.0.0.1:4318"\n[store]\nurl = "memory:"\n')
    settings = load(tmp_path / "watchword.toml")
    assert not missing(settings)
    monkeypatch.setattr(otel, "_absent", lambda name: True)
    with pytest.raises(ConfigError, match="not installed"):
        asyncio.run(prepare(settings, 1))


@pytest.mark.parametrize("url", ["4318", "ftp://collector", "http://user:secret@collector:4318"])
def test_a_place_that_is_none_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    (tmp_path / "watchword.toml").write_text(f'[otel]\nendpoint = "{url}"\n')
    with pytest.raises(ConfigError, match="collector") as refused:
        load(tmp_path / "watchword.toml")
    assert "secret@" not in str(refused.value)


def test_what_does_not_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(otel, "_PARTING", 0.05)
    hanging = threading.Event()

    async def play() -> None:
        await Telemetry(hanging.wait).stop()
        hanging.set()

    asyncio.run(play())
