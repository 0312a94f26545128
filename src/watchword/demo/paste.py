"""Write what each caller holds into a file of its own, and each honest request as one line for a shell."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from watchword.demo.stage import Stage
from watchword.demo.trial import Verdict

__all__ = ["Line", "lines", "program"]

_KEPT: Final = {
    "api-key": ("authorization",),
    "jwt": ("authorization",),
    "oauth2": ("authorization",),
    "session": ("cookie", "x-csrf-token"),
}


@dataclass(frozen=True, slots=True)
class Line:
    """Hold one line to paste: what it shows, and the line itself."""

    scheme: str
    about: str
    text: str


def program() -> str:
    """Return how to start ``watchword`` from another terminal: by name where the PATH finds this very one."""
    started, beside = Path(sys.argv[0]), Path(sys.executable).with_name("watchword")
    own = started if started.name == "watchword" and started.is_file() else beside
    if not own.is_file():
        return f"{shlex.quote(sys.executable)} -m watchword"
    found = shutil.which("watchword")
    return "watchword" if found is not None and os.path.samefile(found, own) else shlex.quote(str(own.absolute()))


def lines(stage: Stage, honest: Iterable[Verdict]) -> list[Line]:
    """Return the lines, of each scheme one and then some more; the files that they name are written here."""
    for verdict in honest:
        kept = _KEPT.get(verdict.scheme)
        if kept is not None:
            sent = verdict.answer.sent
            _write(stage.folder / verdict.scheme, "".join(f"{name}: {sent.field(name)}\n" for name in kept))
    for name in ("billing", "shipping"):
        _write(stage.folder / f"{name}.secret", stage.seeds.signers[name][1] + "\n")
    return [*_seven(stage), *_more(stage)]


def _seven(stage: Stage) -> list[Line]:
    folder, url = shlex.quote(str(stage.folder)), stage.url
    curl = f"curl --cacert {folder}/ca.pem"
    password = stage.seeds.passwords["alice"]
    return [
        Line("api-key", "billing's key, as Bearer", f"{curl} -H @{folder}/api-key {url}/orders"),
        Line("basic", "alice's name and password", f"{curl} -u alice:{password} {url}/orders"),
        Line("jwt", "alice's token from /login", f"{curl} -H @{folder}/jwt {url}/orders/17"),
        Line("oauth2", "billing's token from /oauth/token", f"{curl} -H @{folder}/oauth2 {url}/orders/18"),
        Line("hmac", "signed by billing, a new signature each time", _signed(stage, "/orders", '{"item":"tea"}')),
        Line("mtls", "billing's client certificate", f"{curl} --cert {folder}/billing.pem {url}/orders"),
        Line("session", "alice's cookie and CSRF token", f"{curl} -H @{folder}/session -d item=tea {url}/orders"),
    ]


def _more(stage: Stage) -> list[Line]:
    folder, url = shlex.quote(str(stage.folder)), stage.url
    pem = f"{folder}/billing.pem"
    client_id, secret = stage.seeds.clients["billing"]
    transfer = _signed(stage, "/transfers", '{"amount":10}') + f" --cert {pem} --key {pem}"
    grant = f"-u {client_id}:{secret} -d grant_type=client_credentials"
    config = f"{program()} --config {folder}/watchword.toml"
    return [
        Line("mtls & hmac", "both, of the same service", transfer),
        Line("oauth2", "ask for another token", f"curl --cacert {folder}/ca.pem {grant} {url}/oauth/token"),
        Line("", "who holds what", f"{config} list --state active"),
        Line("", "why each was let in or not", f"{config} audit --limit 20"),
    ]


def _signed(stage: Stage, path: str, data: str) -> str:
    folder, key_id = shlex.quote(str(stage.folder)), stage.seeds.signers["billing"][0]
    proof = f"--hmac-key {key_id} --secret-file {folder}/billing.secret --cacert {folder}/ca.pem"
    return f"{program()} call POST {stage.url}{path} -d {shlex.quote(data)} {proof}"


def _write(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)
