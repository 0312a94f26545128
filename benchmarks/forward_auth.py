"""`/check` over HTTP beside an empty application on the same server: requests a second, interleaved."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.decisions import ROOT
from benchmarks.figures import Figure
from benchmarks.starting import BIN, PYTHON, free_port, init, serving

__all__ = ["load", "measure_check", "wait_for", "watchword"]

CONNECTIONS = 32
BOUND = 0.85
HEAD = (
    "GET /check HTTP/1.1\r\nHost: auth.example.com\r\nUser-Agent: nginx\r\nAccept: */*\r\n"
    "X-Forwarded-For: 198.51.100.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Method: GET\r\n"
    "X-Forwarded-Host: api.example.com\r\nX-Forwarded-Uri: /orders/17\r\nAuthorization: Bearer {key}\r\n\r\n"
)

ROUTE = """
[[route]]
path = "/orders/{id}"
methods = ["GET"]
accept = "api-key"
scopes = ["orders:read"]
limit = "1000000/min"
"""


def measure_check(rounds: int, seconds: float) -> list[Figure]:
    """Return the share of an empty application's requests a second that `/check` reaches."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    rates: dict[str, list[float]] = {"empty": [], "check": []}
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder:
        site = init(Path(folder))
        request = HEAD.format(key=_seed(site)).encode()
        ports = {name: free_port() for name in rates}
        empty = subprocess.Popen([PYTHON, "-m", "benchmarks.served", str(ports["empty"])], cwd=ROOT)
        processes = {"empty": empty, "check": serving(site, ports["check"])}
        try:
            for name, process in processes.items():
                if cores:
                    os.sched_setaffinity(process.pid, {cores[-1]})
                wait_for(ports[name])
            for number in range(rounds + 1):
                for name, port in ports.items():
                    rate = load(port, seconds if number else seconds / 2, cores[0] if cores else 0, request)
                    if number:  # the first round warms up
                        rates[name].append(rate)
        finally:
            for process in processes.values():
                process.terminate()
                process.wait(30)
    ratio = median(ours / nothing for ours, nothing in zip(rates["check"], rates["empty"], strict=True))
    detail = f"{median(rates['check']):,.0f} requests/s, the empty application {median(rates['empty']):,.0f}"
    unit = "x an empty application"
    return [Figure("/check with an API key over HTTP", ratio, BOUND, unit, detail, at_least=True)]


def _seed(site: Path) -> str:
    """Configure one route, and return an API key that may use it."""
    file = site / "watchword.toml"
    text = file.read_text().replace("[server]\n", '[server]\ntrusted_proxies = ["127.0.0.0/8"]\n', 1)
    file.write_text(text + ROUTE)
    watchword(site, "service", "add", "shop")
    issued = watchword(site, "--json", "issue", "api-key", "--for", "service:shop", "--scope", "orders:read")
    secret: str = json.loads(issued)["secret"]
    return secret


def watchword(site: Path, *words: str) -> bytes:
    """Run a command of ours and return what it prints."""
    command: list[str | Path] = [BIN, "--config", "watchword.toml", *words]
    return subprocess.run(command, cwd=site, check=True, capture_output=True).stdout


def load(port: int, seconds: float, core: int, request: bytes) -> float:
    """Return requests a second."""
    command: list[str | Path] = [PYTHON, "-m", "benchmarks.load", str(port), str(CONNECTIONS), str(seconds), str(core)]
    return float(subprocess.run(command, cwd=ROOT, input=request, stdout=subprocess.PIPE, check=True).stdout)


def wait_for(port: int) -> None:
    """Wait until somebody listens there."""
    deadline = time.monotonic() + 30
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise SystemExit("a server under test does not answer") from None
            time.sleep(0.05)
