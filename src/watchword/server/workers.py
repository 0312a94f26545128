"""Keep several processes serving, also those that have to start while the store is gone."""

from __future__ import annotations

import gc
import logging
import multiprocessing
import os
import pickle
import signal
import sys
from multiprocessing.process import BaseProcess
from socket import socket
from time import monotonic
from typing import Final

from uvicorn._subprocess import subprocess_started
from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors import multiprocess as uvicorn_workers

__all__ = ["Process", "Workers"]

logger: logging.Logger = logging.getLogger("watchword")

_PAUSE: Final = 5.0  # seconds between two attempts to start a worker
_BEGINS_WITHIN: Final = 30.0  # seconds: on a busy machine a process needs some before it can answer at all
_FORKS: Final = sys.platform == "linux"  # macOS has libraries that do not survive it
_SIGNALS: Final = frozenset(uvicorn_workers.SIGNALS)


class Process(uvicorn_workers.Process):
    """Be a worker: where that is safe a copy of the supervisor, so that what it imported is not imported again.

    Nothing that was opened or read goes along: the supervisor has closed its store, and what a worker is made of is
    what it would be sent elsewhere.
    """

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        """Take what uvicorn's own takes."""
        super().__init__(config, sockets)
        if _FORKS:
            fork = multiprocessing.get_context("fork")
            self.process: BaseProcess = fork.Process(target=self._begin, args=(sockets,))  # type: ignore[assignment]

    def start(self) -> None:
        """Start. What is sent to the worker before it can tell waits until it can."""
        if not _FORKS:
            super().start()
            return
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            self.process.start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _begin(self, sockets: list[socket]) -> None:
        for number in _SIGNALS:  # those of the supervisor are not for a worker
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heard, it ends nobody
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
        self.config: Config = pickle.loads(pickle.dumps(self.config))  # noqa: S301 - ours, of this moment: secrets stay behind
        subprocess_started(self.config, self.target, sockets, None)


class Workers(Multiprocess):
    """Be uvicorn's supervisor, without its end of all workers because one cannot start.

    Before any has served that shows a mistake of the operator's. Afterwards it is an outage: a worker that had to be
    replaced in it must not take those along that answer 503, and answer again when the store is back.
    """

    _served = False
    _next = float("-inf")

    def __init__(self, config: Config, sockets: list[socket]) -> None:
        """Take what uvicorn's own takes."""
        super().__init__(config, sockets)
        self.processes: list[uvicorn_workers.Process] = []
        self._untold: set[uvicorn_workers.Process] = set()  # who has to read again what may have changed
        self._heard: dict[
            uvicorn_workers.Process, float
        ] = {}  # when one was first waited for in vain; infinite once it answered

    def init_processes(self) -> None:
        """Start as many as are asked for."""
        gc.collect()
        gc.freeze()  # what all share is not looked at, and so not copied, in each
        for _ in range(self.processes_num):
            self._add()

    def handle_ttin(self) -> None:
        """Start one more."""
        self.processes_num += 1
        self._add()

    def _add(self) -> None:
        process = Process(self.config, self.sockets)
        process.start()
        self.processes.append(process)

    def keep_subprocess_alive(self) -> None:
        """Replace workers that ended or hang; tell those of SIGHUP that were still beginning."""
        self._tell()
        for place, worker in enumerate(self.processes):
            if self.should_exit.is_set():
                return
            if worker.is_alive(timeout=self.config.timeout_worker_healthcheck):
                self._heard[worker] = float("inf")
                self._served = self._served or worker.is_ready()
                continue
            if worker.exitcode is None and self._begins(worker):
                continue
            self._heard.pop(worker, None)
            worker.kill()
            worker.join()
            if worker.exitcode == STARTUP_FAILURE:
                if not self._some_served(worker):
                    logger.error("a worker cannot start, so the server ends")
                    self.should_exit.set()
                    return
                if monotonic() < self._next:
                    continue
                self._next = monotonic() + _PAUSE
            logger.error("a worker ended, another one starts")
            self.processes[place] = Process(self.config, self.sockets)
            self.processes[place].start()

    def _begins(self, worker: uvicorn_workers.Process) -> bool:
        """Return whether one that has never answered may still be starting."""
        now = monotonic()
        first = self._heard.setdefault(worker, now)
        return 0 <= now - first < _BEGINS_WITHIN

    def handle_hup(self) -> None:
        """Have the workers read what may have changed; one that is still beginning, when it has begun."""
        self._untold = set(self.processes)
        self._tell()

    def _tell(self) -> None:
        self._untold &= set(self.processes)  # what took another's place has read it all
        for worker in tuple(self._untold):
            if worker.pid is not None and worker.is_alive() and worker.is_ready():
                self._untold.discard(worker)
                os.kill(worker.pid, signal.SIGHUP)

    def _some_served(self, failed: uvicorn_workers.Process) -> bool:
        """Return whether any has served: asked again here, as in the first half second nobody has been asked yet."""
        others = (each for each in self.processes if each is not failed)
        self._served = self._served or any(each.is_alive() and each.is_ready() for each in others)
        return self._served
