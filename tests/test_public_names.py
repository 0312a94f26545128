"""Pin the public face: a name is added, renamed or dropped on purpose only, with a line in CHANGELOG.md."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

import watchword

ROOT: Final = Path(__file__).resolve().parent.parent

PUBLIC: Final[dict[str, frozenset[str]]] = {
    "watchword": frozenset(
        {"Allow", "Challenge", "Decision", "Deny", "Principal", "Rejection", "Watchword", "__version__", "run_sync"}
    ),
}


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_are_pinned(module: str) -> None:
    exported = importlib.import_module(module).__all__
    assert len(exported) == len(set(exported))
    assert set(exported) == PUBLIC[module]


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_public_names_exist(module: str) -> None:
    loaded = importlib.import_module(module)
    assert [name for name in PUBLIC[module] if getattr(loaded, name, None) is None] == []


def test_version_is_the_packages() -> None:
    assert watchword.__version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def test_types_are_shipped() -> None:
    assert (Path(watchword.__file__).parent / "py.typed").exists()


def test_importing_loads_nothing_heavy() -> None:
    heavy = "alembic asyncio asyncpg fastapi httpx httpx2 joserfc pydantic sqlalchemy starlette typer uvicorn"
    code = f"import sys, watchword; print(*sorted(set({heavy.split()!r}) & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert loaded.stdout.split() == []
