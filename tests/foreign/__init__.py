"""Run other people's OAuth clients in processes of their own. They talk in lines of JSON."""

from __future__ import annotations

import json
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent


class Foreigner:
    """Hold one running client."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def hear(self) -> dict[str, Any]:
        """Return what it says next, within half a minute."""
        out, err = self._process.stdout, self._process.stderr
        assert out is not None
        assert err is not None
        ready, _, _ = select.select([out], [], [], 30)
        line = out.readline() if ready else ""
        assert line, f"nothing came: {err.read() if self._process.poll() is not None else 'it waits'}"
        said: dict[str, Any] = json.loads(line)
        return said

    def tell(self, text: str) -> None:
        """Say a line to it."""
        assert self._process.stdin is not None
        self._process.stdin.write(text + "\n")
        self._process.stdin.flush()


@contextmanager
def foreign(script: str, **given: Any) -> Iterator[Foreigner]:
    """Run a script of this folder with ``given`` as its argument; it ends with its standard input."""
    with subprocess.Popen(
        [sys.executable, str(HERE / script), json.dumps(given)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=HERE,
        env={"AUTHLIB_INSECURE_TRANSPORT": "1", "OAUTHLIB_INSECURE_TRANSPORT": "1", "PATH": ""},  # http, on loopback
    ) as process:
        try:
            yield Foreigner(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
