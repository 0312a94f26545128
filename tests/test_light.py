"""``pip install watchword``, no extra: five direct dependencies, and everything that a library needs works."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

BLOCKED = (
    "alembic", "anyio", "asyncpg", "bcrypt", "fastapi", "httptools", "httpx", "httpx2", "jinja2", "pydantic",
    "pydantic_settings", "pyotp", "requests", "rich", "segno", "starlette", "typer", "uvicorn", "uvloop", "webauthn",
    "yaml", "zxcvbn_rs_py",
)  # fmt: skip

BARE = f"""
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {BLOCKED!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name.partition(".")[0])

sys.meta_path.insert(0, Blocked())
"""

LIBRARY = """
import asyncio
from watchword import Watchword
from watchword.adapters.asgi import WatchwordMiddleware
from watchword.codec.secrets import new_root_key
from watchword.model.credential import Kind

async def app(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["watchword"].subject.encode()})

async def main():
    watchword = Watchword(f"sqlite:///{sys.argv[1]}", root_key=new_root_key())
    await watchword.start()
    await watchword.lifecycle.add_subject("service:billing", by="test")
    issued = await watchword.lifecycle.issue(Kind.API_KEY, "service:billing", by="test")
    guarded = WatchwordMiddleware(app, watchword, accept="api-key | jwt | mtls")
    for key in (issued.material["secret"], "ak_live_wrong"):
        scope = {"type": "http", "method": "GET", "scheme": "http", "path": "/", "raw_path": b"/", "query_string": b"",
                 "headers": [(b"authorization", b"Bearer " + key.encode())], "client": ("127.0.0.1", 1)}
        sent = []
        async def send(message): sent.append(message)
        await guarded(scope, None, send)
        print(sent[0]["status"], sent[1]["body"].decode())
    await watchword.stop()

asyncio.run(main())
"""

COMMAND = """
from watchword.__main__ import main
sys.exit(main())
"""


def _run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BARE + program, *arguments], capture_output=True, text=True, timeout=60
    )


def test_at_most_five_direct_dependencies() -> None:
    project = tomllib.loads(Path("pyproject.toml").read_text("utf-8"))["project"]
    assert len(project["dependencies"]) <= 5


def test_the_library_works_without_any_extra(tmp_path: Path) -> None:
    ran = _run(LIBRARY, str(tmp_path / "watchword.db"))
    assert ran.returncode == 0, ran.stderr
    accepted, refused = ran.stdout.splitlines()
    assert accepted == "200 service:billing"
    assert refused.startswith("401 {")


def test_the_command_line_says_what_it_needs() -> None:
    ran = _run(COMMAND)
    assert ran.returncode == 2
    assert "pip install 'watchword[server]'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_importing_the_library_loads_no_store_and_no_server() -> None:
    program = "import watchword; print(sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = _run(program).stdout
    for heavy in ("sqlalchemy", "joserfc", "argon2", "asyncio", *BLOCKED):
        assert f"'{heavy}'" not in loaded, heavy
