"""A supervisor whose workers are made up: which of them it replaces, and when it gives up."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from uvicorn.config import STARTUP_FAILURE

from watchword.server import workers
from watchword.server.config.secrets import Kept
from watchword.server.config.sources import Source
from watchword.server.workers import Process, Workers


class Worker:
    """Be a process: alive, ready, or ended by this code."""

    begun = 0
    pid: int | None = None

    def __init__(self, *_: Any, ready: bool = False, exitcode: int | None = None, answers: bool = True) -> None:
        self._ready, self.exitcode, self.answers = ready, exitcode, answers

    def is_alive(self, timeout: float = 5) -> bool:
        return self.exitcode is None and self.answers

    def is_ready(self, timeout: float = 5) -> bool:
        return self._ready

    def kill(self) -> None:
        """Be gone."""

    def join(self) -> None:
        """Be gone."""

    def start(self) -> None:
        Worker.begun += 1


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Workers:
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.setattr(workers, "Process", Worker)
    Worker.begun = 0
    return Workers(uvicorn.Config("x:y", workers=2), sockets=[])


def test_a_worker_that_cannot_start_while_another_serves_is_tried_again_after_a_while(
    supervisor: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(workers, "monotonic", lambda: now)
    broken: Any = Worker(exitcode=STARTUP_FAILURE)
    supervisor.processes = [Worker(ready=True), broken]  # type: ignore[list-item]
    supervisor.keep_subprocess_alive()
    assert Worker.begun == 1
    for place in (0, 1):  # in an outage the one that served may end, too
        supervisor.processes[place] = broken
    supervisor.keep_subprocess_alive()
    assert Worker.begun == 1
    now = 106.0
    supervisor.keep_subprocess_alive()
    supervisor.keep_subprocess_alive()
    assert Worker.begun == 2, "one at a time"
    assert not supervisor.should_exit.is_set()


def test_the_first_that_cannot_start_does_not_hide_the_second_that_serves(supervisor: Workers) -> None:
    supervisor.processes = [Worker(exitcode=STARTUP_FAILURE), Worker(ready=True)]  # type: ignore[list-item]
    supervisor.keep_subprocess_alive()
    assert not supervisor.should_exit.is_set()
    assert Worker.begun == 1


def test_one_that_crashed_is_replaced_at_once(supervisor: Workers) -> None:
    for _ in range(3):
        supervisor.processes = [Worker(ready=True), Worker(exitcode=-9)]  # type: ignore[list-item]
        supervisor.keep_subprocess_alive()
    assert Worker.begun == 3


def test_one_that_is_slow_to_begin_gets_its_time_and_one_that_hangs_does_not(
    supervisor: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr(workers, "monotonic", lambda: now)
    slow, hung = Worker(answers=False), Worker(ready=True)
    supervisor.processes = [slow, hung]  # type: ignore[list-item]
    supervisor.keep_subprocess_alive()
    now = 129.0
    supervisor.keep_subprocess_alive()
    assert Worker.begun == 0
    hung.answers = False  # it had answered before
    supervisor.keep_subprocess_alive()
    assert (Worker.begun, supervisor.processes[0]) == (1, slow)
    now = 131.0
    supervisor.keep_subprocess_alive()
    assert (Worker.begun, supervisor.processes[0] is slow) == (2, False)


def test_a_mistake_of_the_operators_ends_the_start(supervisor: Workers) -> None:
    supervisor.processes = [Worker(), Worker(exitcode=STARTUP_FAILURE)]  # type: ignore[list-item]
    supervisor.keep_subprocess_alive()
    assert supervisor.should_exit.is_set()
    assert Worker.begun == 0


def test_sighup_goes_to_the_workers_that_hear_it(supervisor: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr("os.kill", lambda pid, number: told.append((pid, number)))
    serving, beginning, ended = Worker(ready=True), Worker(), Worker(ready=True, exitcode=1)
    for pid, worker in enumerate((serving, beginning, ended), 1):
        worker.pid = pid
    supervisor.processes = [serving, beginning, ended]  # type: ignore[list-item]
    supervisor.handle_hup()
    assert told == [(1, signal.SIGHUP)]
    assert Worker.begun == 0
    beginning._ready = True  # it had read some of it before, and must read it again
    supervisor.keep_subprocess_alive()
    supervisor.keep_subprocess_alive()
    assert told == [(1, signal.SIGHUP), (2, signal.SIGHUP)]


def _tell(kept: Kept, file: Path) -> None:
    """Write what a worker finds when it makes its application."""
    told = {
        "secret": kept._value,
        "kept": kept(),
        "usr1": signal.getsignal(signal.SIGUSR1) is signal.SIG_DFL,
        "hup": signal.getsignal(signal.SIGHUP) is signal.SIG_IGN,
        "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "imported": "watchword.server.workers" in sys.modules,
    }
    file.write_text(json.dumps(told))
    signal.pause()


forked = pytest.mark.skipif(not workers._FORKS, reason="workers are copies of the supervisor on Linux only")


@forked
def test_a_worker_is_a_copy_without_the_secrets_and_signals_of_the_supervisor(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("first")
    kept = Kept("mail.password", Source("file", "secret"), tmp_path)
    assert kept() == "first"
    (tmp_path / "secret").write_text("second")
    file = tmp_path / "told"
    worker = Process(uvicorn.Config(partial(_tell, kept, file), factory=True, lifespan="off"), sockets=[])
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        worker.start()
        while not (file.exists() and file.read_text()):
            assert worker.process.is_alive()
            time.sleep(0.01)
        told = json.loads(file.read_text())
    finally:
        signal.signal(signal.SIGUSR1, before)
        worker.terminate()
        worker.join()
    assert told == {"secret": None, "kept": "second", "usr1": True, "hup": True, "blocked": 0, "imported": True}
    assert worker.exitcode == -signal.SIGTERM


@forked
def test_what_a_worker_is_sent_before_it_can_hear_it_is_not_lost() -> None:
    for _ in range(20):
        worker = Process(uvicorn.Config(signal.pause, factory=True, lifespan="off"), sockets=[])
        worker.start()
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGTERM)
        worker.join()
        assert worker.exitcode == -signal.SIGTERM
        worker.kill()
