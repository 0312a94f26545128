"""How soon a command answers: seconds from its start, medians, each beside a bare interpreter in the same round."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from benchmarks.decisions import ROOT
from benchmarks.figures import Figure

__all__ = ["free_port", "init", "measure_starts", "serving"]

PYTHON = ROOT / ".venv" / "bin" / "python"
BIN = ROOT / ".venv" / "bin" / "watchword"
BOUNDS = {"import watchword": 0.25, "watchword --help": 0.4, "watchword serve answers": 1.5}


def measure_starts(rounds: int) -> list[Figure]:
    """Return the three figures."""
    ways: dict[str, Callable[[], float]] = {
        "python -c pass": lambda: _command([PYTHON, "-c", "pass"]),
        "import watchword": lambda: _command([PYTHON, "-c", "import watchword"]),
        "watchword --help": lambda: _command([BIN, "--help"]),
    }
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder:
        directory = init(Path(folder))
        ways["watchword serve answers"] = lambda: _until_answer(directory)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, way in ways.items():
                taken[name].append(way())
    bare = median(taken["python -c pass"])
    detail = f"the bare interpreter takes {bare:.3f} s"
    return [Figure(name, median(taken[name]), bound, "s", detail) for name, bound in BOUNDS.items()]


def init(directory: Path) -> Path:
    """Make a configuration, a database and a root key, as an operator does."""
    subprocess.run([BIN, "init", directory / "site"], check=True, capture_output=True)
    return directory / "site"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def serving(directory: Path, port: int) -> subprocess.Popen[bytes]:
    """Start `watchword serve`."""
    command: list[str | Path] = [BIN, "--config", "watchword.toml", "serve", "--listen", f"127.0.0.1:{port}"]
    return subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _command(command: list[str | Path]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "PYTHONDONTWRITEBYTECODE": ""})
    return time.perf_counter() - started


def _until_answer(directory: Path) -> float:
    port = free_port()
    started = time.perf_counter()
    process = serving(directory, port)
    try:
        while not _answers(port):
            if process.poll() is not None or time.perf_counter() - started > 30:
                raise SystemExit("watchword serve does not answer")
            time.sleep(0.005)
        return time.perf_counter() - started
    finally:
        process.terminate()
        process.wait(30)


def _answers(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), 1) as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
            return connection.recv(64).startswith(b"HTTP/1.1 200")
    except OSError:
        return False
