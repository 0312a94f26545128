"""Hold the house's shape: sizes, names, a test beside every module, a line of documentation for every public thing."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from watchword.model.reason import REASONS

ROOT: Final = Path(__file__).resolve().parent.parent
SRC: Final = ROOT / "src" / "watchword"
REFERENCE: Final = ROOT / "docs" / "reference"

LINES_A_FILE: Final = 400
LINES_A_FUNCTION: Final = 45
MODULES_A_FOLDER: Final = 15

# Modules without a test file of their own, each with the reason. An entry that no longer applies fails.
TESTED_ELSEWHERE: Final[dict[str, str]] = {
    "model/ports.py": "protocols: nothing runs",
}

FORBIDDEN_NAMES: Final = frozenset(
    {"manager", "managers", "helper", "helpers", "util", "utils", "base", "handler", "handlers", "processor"}
)

# Put together here so that this file does not hold them itself.
REGISTRY_HOSTS: Final = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("registry", "npmjs"),
        ("npmjs", "org"),
        ("crates", "io"),
        ("proxy", "golang", "org"),
        ("deb", "debian", "org"),
        ("repo1", "maven"),
    )
)
MACHINE_PATHS: Final = tuple(f"/{name}/" for name in ("work", "root", "home"))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def _modules() -> list[Path]:
    return sorted(path for path in SRC.rglob("*.py") if "versions" not in path.parts)


def _public(path: Path) -> bool:
    parts = path.relative_to(SRC).with_suffix("").parts
    return not any(part.startswith("_") for part in parts)


def _name(path: Path) -> str:
    return path.relative_to(SRC).as_posix()


def _functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _body_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    body = function.body
    if len(body) > 1 and ast.get_docstring(function) is not None:
        body = body[1:]
    return (body[-1].end_lineno or body[-1].lineno) - body[0].lineno + 1


def _words(name: str) -> set[str]:
    return {word.lower() for part in name.split("_") for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", part)}


def _tracked() -> list[Path]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def _code_spans(page: str) -> set[str]:
    path = REFERENCE / page
    assert path.exists(), f"docs/reference/{page} is missing"
    return {span.strip() for span in re.findall(r"`([^`\n]+)`", path.read_text(encoding="utf-8"))}


def test_files_fit_in_the_head() -> None:
    assert [f"{_name(p)}: {n}" for p in _modules() if (n := p.read_text().count("\n")) > LINES_A_FILE] == []


def test_functions_fit_on_one_screen() -> None:
    long = [
        f"{_name(path)}:{function.lineno} {function.name}: {_body_lines(function)}"
        for path in _modules()
        for function in _functions(path)
        if _body_lines(function) > LINES_A_FUNCTION
    ]
    assert long == []


def test_folders_stay_small() -> None:
    folders = {path.parent for path in _modules()}
    crowded = {
        folder.relative_to(SRC).as_posix(): count
        for folder in folders
        if (count := sum(1 for path in folder.glob("*.py") if path.name != "__init__.py")) > MODULES_A_FOLDER
    }
    assert crowded == {}


def test_every_module_has_its_test_beside_it() -> None:
    missing = set()
    for path in _modules():
        if path.name.startswith("__"):
            continue
        mirror = ROOT / "tests" / path.relative_to(SRC).with_name(f"test_{path.name.lstrip('_')}")
        if not mirror.exists():
            missing.add(_name(path))
    assert sorted(missing - TESTED_ELSEWHERE.keys()) == [], "modules without a test file"
    assert sorted(TESTED_ELSEWHERE.keys() - missing) == [], "exceptions that no longer apply"


def test_names_say_what_a_thing_is() -> None:
    bad = [_name(path) for path in _modules() if _words(path.stem) & FORBIDDEN_NAMES]
    for path in _modules():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef) and _words(node.name) & FORBIDDEN_NAMES:
                bad.append(f"{_name(path)}:{node.lineno} {node.name}")
    assert bad == []


def test_public_modules_say_what_is_public() -> None:
    missing = []
    for path in filter(_public, _modules()):
        names = {
            target.id
            for node in _tree(path).body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            if isinstance(target, ast.Name)
        }
        if "__all__" not in names:
            missing.append(_name(path))
    assert missing == []


def test_public_things_are_documented() -> None:
    bare = []
    for path in _modules():
        tree = _tree(path)
        if ast.get_docstring(tree) is None:
            bare.append(_name(path))
        for node in tree.body:
            is_public = isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            if is_public and not node.name.startswith("_") and ast.get_docstring(node) is None:
                bare.append(f"{_name(path)}:{node.lineno} {node.name}")
    assert bare == []


def test_nothing_is_left_unbuilt() -> None:
    unbuilt = [
        f"{_name(path)}:{node.lineno}"
        for path in _modules()
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Name) and node.id == "NotImplementedError"
    ]
    assert unbuilt == []


def test_files_name_no_registry_and_no_machine() -> None:
    found = []
    for path in _tracked():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        found += [f"{path.relative_to(ROOT)}: {word}" for word in REGISTRY_HOSTS + MACHINE_PATHS if word in text]
    assert found == []


def test_runtime_stays_light() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert len(project["dependencies"]) <= 5


def test_locked_requirements_are_hashed() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        lines = path.read_text().splitlines()
        pinned = [number for number, line in enumerate(lines) if re.match(r"[a-z0-9]", line)]
        bare = [lines[number] for number in pinned if "--hash=sha256:" not in lines[number + 1]]
        assert bare == [], path.name
        assert pinned, path.name


def test_every_reason_is_documented() -> None:
    rows: dict[str, tuple[int, str]] = {}
    for line in (REFERENCE / "reasons.md").read_text().splitlines():
        match = re.match(r"\| `(\w+)` \| (\d{3}) \| `(\w+)`[^|]*\| \S[^|]* \|$", line)
        if match:
            assert match[1] not in rows, f"{match[1]} is documented twice"
            rows[match[1]] = (int(match[2]), match[3])
    assert rows == {code: (row.status, row.type) for code, row in REASONS.items()}


def test_every_verb_is_documented() -> None:
    spans = _code_spans("cli.md")
    missing = [verb for verb in _verbs() if not any(_starts_with(span, verb) for span in spans)]
    assert missing == []


def test_every_setting_is_documented() -> None:
    assert sorted(_settings() - _code_spans("settings.md")) == []


def test_every_endpoint_is_documented() -> None:
    words = {word for span in _code_spans("http.md") for word in span.split()}
    assert sorted(_endpoints() - words) == []


def _starts_with(span: str, verb: str) -> bool:
    wanted = verb.split()
    return span.removeprefix("watchword ").split()[: len(wanted)] == wanted


def _verbs() -> list[str]:
    """Walk the commands of the one Typer application in watchword.cli: "serve", "user add", ..."""
    import typer

    module = importlib.import_module("watchword.cli")
    app = next(value for value in vars(module).values() if isinstance(value, typer.Typer))
    found: list[str] = []

    def walk(command: Any, path: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, sub in command.commands.items():
                walk(sub, (*path, name))
        else:
            found.append(" ".join(path))

    walk(typer.main.get_command(app), ())
    assert len(found) > 10
    return found


def _settings() -> set[str]:
    """Walk the settings model: "issuer", "server.tls.certificate", "route.path", ..."""
    from pydantic import BaseModel
    from pydantic_settings import BaseSettings

    module = importlib.import_module("watchword.server.config.settings")
    found: set[str] = set()

    def models(annotation: Any) -> Iterator[type[BaseModel]]:
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
        for argument in get_args(annotation):
            yield from models(argument)

    def walk(model: type[BaseModel], prefix: str) -> None:
        for name, field in model.model_fields.items():
            inner = list(models(field.annotation))
            for each in inner:
                walk(each, f"{prefix}{field.alias or name}.")
            if not inner:
                found.add(prefix + (field.alias or name))

    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, BaseSettings) and value is not BaseSettings:
            walk(value, "")
    assert len(found) > 10
    return found


def _endpoints() -> set[str]:
    """Find every path that the server's source spells out: "/login", "/oauth/token", ..."""
    found = {
        node.value
        for path in (SRC / "server").rglob("*.py")
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if re.fullmatch(r"/[a-z.][a-z0-9.-]*(?:/[a-z0-9._{}-]+)*", node.value)
    }
    assert len(found) > 5
    return found
