"""Keep several processes serving, also those that have to start while the store is gone."""

from __future__ import annotations

import logging
import os
import signal
from socket import socket
from time import monotonic
from typing import Final

from uvicorn.config import STARTUP_FAILURE, Config
from uvicorn.supervisors import Multiprocess
from uvicorn.supervisors.multiprocess import Process

__all__ = ["Workers"]

logger: logging.Logger = logging.getLogger("watchword")

_PAUSE: Final = 5.0  # seconds between two attempts to start a worker
_BEGINS_WITHIN: Final = 30.0  # seconds: on a busy machine a process needs some before it can answer at all


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
        self._untold: set[Process] = set()  # who has to read again what may have changed
        self._heard: dict[Process, float] = {}  # when one was first waited for in vain; infinite once it answered

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

    def _begins(self, worker: Process) -> bool:
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

    def _some_served(self, failed: Process) -> bool:
        """Return whether any has served: asked again here, as in the first half second nobody has been asked yet."""
        others = (each for each in self.processes if each is not failed)
        self._served = self._served or any(each.is_alive() and each.is_ready() for each in others)
        return self._served
