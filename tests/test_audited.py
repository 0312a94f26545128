"""The watch over acts without an event finds one, and its exceptions are still there."""

from __future__ import annotations

import ast

import pytest

from tests.audited import SRC, WITHOUT
from tests.house import House, played
from watchword.model.records import Add, Subject


@played
async def test_an_act_without_an_event_is_found(made: House) -> None:
    lifecycle = made.watchword.lifecycle
    exec(  # noqa: S102 - as a function of ours that forgot it
        compile("async def forgetful(self, *changes):\n    await self._commit(*changes)", str(SRC / "new.py"), "exec"),
        (scope := {}),
    )
    with pytest.raises(AssertionError, match=r"new\.py, forgetful: it changes records without an event"):
        await scope["forgetful"](lifecycle, Add(Subject("user:x", 1)))
    assert await made.watchword.store.write(Add(Subject("user:x", 1))), "a test may"


def test_every_exception_names_a_function_that_writes() -> None:
    for file, name in WITHOUT:
        found = {
            ".".join(part for part in (owner, node.name) if part)
            for owner, nodes in _scopes(ast.parse((SRC / file).read_text()))
            for node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        assert name in found, f"{file} has no {name} any more"


def _scopes(tree: ast.Module) -> list[tuple[str, list[ast.stmt]]]:
    return [("", tree.body), *((node.name, node.body) for node in tree.body if isinstance(node, ast.ClassDef))]
