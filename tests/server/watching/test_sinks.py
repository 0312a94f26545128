"""Sinks of the audit: over each way of syslog, through restarts of the other end; OpenTelemetry's log records."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme

from watchword.model.ports import Unavailable
from watchword.server.watching.sinks import OtelLogs, Syslog, trust_of
from watchword.server.watching.syslog import Place

VALUES: list[dict[str, Any]] = [
    {
        "position": n,
        "at": 1_790_000_000.5 + n,
        "action": "decide",
        "outcome": "refused",
        "path": "/x" * n,
        "address": "",
    }
    for n in range(1, 6)
]


def positions(texts: list[bytes]) -> list[int]:
    return [json.loads(text.partition(b" - ")[2])["position"] for text in texts]


@pytest.mark.parametrize("way", ["unix", "udp"])
def test_datagrams_hold_one_message_each(tmp_path: Path, way: str) -> None:
    family = socket.AF_UNIX if way == "unix" else socket.AF_INET
    receiver = socket.socket(family, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log") if way == "unix" else ("127.0.0.1", 0))
    place = Place("unix", str(tmp_path / "log")) if way == "unix" else Place("udp", *receiver.getsockname())

    async def play() -> None:
        sink = Syslog(place)
        await sink.deliver(VALUES)
        await sink.close()

    with receiver:
        receiver.settimeout(5)
        asyncio.run(play())
        assert positions([receiver.recv(65536) for _ in VALUES]) == [1, 2, 3, 4, 5]


def test_no_socket_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="syslog: FileNotFoundError"):
        asyncio.run(Syslog(Place("unix", str(tmp_path / "none"))).deliver(VALUES))


class Receiver:
    """Take frames of RFC 6587 over TCP or TLS."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self.texts: list[bytes] = []
        self._trust = trust
        self._writers: list[asyncio.StreamWriter] = []
        self.came = asyncio.Event()

    async def start(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._take, "127.0.0.1", port, ssl=self._trust)
        return int(self._server.sockets[0].getsockname()[1])

    async def _take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                length = int(await reader.readuntil(b" "))
                self.texts.append(await reader.readexactly(length))
                self.came.set()
        except (asyncio.IncompleteReadError, OSError):
            writer.close()

    async def have(self, count: int) -> None:
        async with asyncio.timeout(5):
            while len(self.texts) < count:
                await self.came.wait()
                self.came.clear()

    async def stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()
        await asyncio.sleep(0.01)


def test_a_stream_is_opened_anew_when_the_other_end_comes_back() -> None:
    async def play() -> None:
        receiver = Receiver()
        port = await receiver.start()
        sink = Syslog(Place("tcp", "127.0.0.1", port))
        await sink.deliver(VALUES)
        await receiver.have(5)
        await receiver.stop()
        with pytest.raises(Unavailable, match="syslog: ConnectionRefusedError"):
            await sink.deliver(VALUES)
        again = Receiver()
        await again.start(port)
        await sink.deliver(VALUES)
        await again.have(10)
        assert positions(receiver.texts) == [1, 2, 3, 4, 5]
        assert positions(again.texts) == [1, 2, 3, 4, 5] * 2, "what was sent last may not have arrived"
        await sink.close()
        await again.stop()

    asyncio.run(play())


def test_tls_believes_whom_ca_vouches_for_alone(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    served = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(served)

    async def play() -> None:
        receiver = Receiver(served)
        place = Place("tls", "127.0.0.1", await receiver.start())
        sink = Syslog(place, trust_of(place, tmp_path / "ca.pem"))
        await sink.deliver(VALUES)
        await receiver.have(5)
        await sink.close()
        with pytest.raises(Unavailable, match="syslog: SSLCertVerificationError"):
            await Syslog(place, trust_of(place, None)).deliver(VALUES)
        await receiver.stop()

    asyncio.run(play())
    assert trust_of(Place("tcp", "x", 1), None) is None


def test_log_records_say_what_the_events_say(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import _logs
    from opentelemetry.sdk._logs import LoggerProvider
    from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor

    exporter, provider = InMemoryLogRecordExporter(), LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(exporter))
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: provider)
    asyncio.run(OtelLogs().deliver(VALUES))
    found = [each.log_record for each in exporter.get_finished_logs()]
    assert [each.attributes["watchword.position"] for each in found] == [1, 2, 3, 4, 5]
    assert {each.severity_text for each in found} == {"WARN"}
    assert found[0].timestamp == 1_790_000_001_500_000_000
    assert json.loads(str(found[0].body)) == VALUES[0]
    assert "watchword.address" not in found[0].attributes
    monkeypatch.setattr(provider, "force_flush", lambda timeout: False)
    with pytest.raises(Unavailable, match="not sent in time"):
        asyncio.run(OtelLogs().deliver(VALUES))


def test_what_a_collector_did_not_take_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    from opentelemetry import _logs
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.sdk._logs.export import LogRecordExportResult
    from opentelemetry.sdk.resources import Resource

    from watchword.server.metrics.otel import _log_records

    answers = [LogRecordExportResult.FAILURE, LogRecordExportResult.SUCCESS]
    monkeypatch.setattr(OTLPLogExporter, "export", lambda self, batch: answers.pop(0))
    given: list[Any] = []
    monkeypatch.setattr(_logs, "set_logger_provider", given.append)
    monkeypatch.setattr(_logs, "get_logger_provider", lambda: given[0])
    end = _log_records("http://127.0.0.1:9/v1/logs", Resource.create({}))
    with pytest.raises(Unavailable, match="did not take all"):
        asyncio.run(OtelLogs().deliver(VALUES))
    asyncio.run(OtelLogs().deliver(VALUES))
    end()


def test_others_have_their_turn_while_much_is_handed_on(tmp_path: Path) -> None:
    """Of what goes into a datagram socket nothing waits, and a log may be millions of events behind."""
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.bind(str(tmp_path / "log"))

    async def play() -> None:
        syslog, turns = Syslog(Place("unix", str(tmp_path / "log"))), 0

        async def others() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(others())
        for _ in range(4):
            await syslog.deliver(VALUES[:1])
        assert turns >= 3
        beside.cancel()
        await syslog.close()

    asyncio.run(play())
    receiver.close()
