"""Collect what the pages say: the texts of the templates, and those that the code hands to them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from jinja2 import Environment, nodes

import watchword

__all__ = ["BARE", "ROOT", "TEMPLATES", "bare_text", "said_by_code", "said_by_templates"]

ROOT = Path(watchword.__file__).parent
TEMPLATES = sorted((ROOT / "server" / "templates").rglob("*.html"))
BARE = {"English", "Deutsch", "own", "door", "own console"}  # languages by their own names; the shapes of a page

_TAKEN = {"Fault", "Complaint"}  # what people read is their third argument
_NAMED = {"_MESSAGES", "_WRONG", "_MISSING", "_WHY", "_PLAIN", "_NAMES"}
_FOLDERS = ("server", "lifecycle/people", "codec/passwords")


def said_by_templates() -> set[str]:
    """Return every text that a template asks to have translated."""
    return {text for path in TEMPLATES for text in _asked(path)}


def _asked(path: Path) -> Iterator[str]:
    for call in Environment(autoescape=True).parse(path.read_text(encoding="utf-8")).find_all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name == "t" and isinstance(call.args[0], nodes.Const):
            yield call.args[0].value


def bare_text(path: Path) -> set[str]:
    """Return the words in a template that are not put through a translation, and those in attributes that are read."""
    tree = Environment(autoescape=True).parse(path.read_text(encoding="utf-8"))
    text = "\0".join(data.data for data in tree.find_all(nodes.TemplateData))
    read = re.findall(r'(?:aria-label|title|placeholder|alt)="([^"\0]+)"', text)
    plain = re.sub(r"<[^>]*>|&\w+;", " ", text)
    plain = re.sub(r"^[^<]*>", " ", plain)  # the rest of a tag that began with a value in it
    return {word.strip() for word in re.findall(r"[A-Za-z][A-Za-z' ]*", plain)} | set(read)


def said_by_code() -> set[str]:
    """Return the texts in the code that reach a page; values in them are written ``{…}``."""
    found: set[str] = set()
    for folder in _FOLDERS:
        for path in (ROOT / folder).rglob("*.py"):
            found |= set(_spoken(ast.parse(path.read_text(encoding="utf-8"))))
    return {text for text in found if " " in text}


def _spoken(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node)
        elif isinstance(node, ast.Dict):
            named = zip(node.keys, node.values, strict=True)
            yield from filter(
                None, (_text(value) for key, value in named if key is not None and _text(key) == "message")
            )
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if any(isinstance(target, ast.Name) and target.id in _NAMED for target in targets):
                values = node.value.values if isinstance(node.value, ast.Dict) else [node.value]
                yield from filter(None, map(_text, values))


def _of_call(call: ast.Call) -> Iterator[str]:
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    places: list[ast.expr] = []
    if name in _TAKEN:
        places += call.args[1:]
    elif name == "_refused":
        places += call.args[2:3]
    elif name == "translated":
        places += call.args[:1]
    places += [each.value for each in call.keywords if each.arg == "message"]
    yield from filter(None, map(_text, places))


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = [each.value if isinstance(each, ast.Constant) else "{…}" for each in node.values]
        return "".join(map(str, parts))
    return ""
