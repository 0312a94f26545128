"""The scan's figures: every planted secret is found, and none where there is none."""

from __future__ import annotations

import gzip
import os
import random
import string
import sysconfig
import time
from itertools import islice
from pathlib import Path

import pytest

from tests.codec.shapes.planted import hidden, secrets
from tests.scan.packing import tarred, zipped
from watchword.codec.shapes import SHAPES, hits
from watchword.scan.run import Wish, scan

BASE62 = (string.digits + string.ascii_letters).encode()
BLOCK = 8 << 20


def _random(count: int, letters: bytes = BASE62) -> bytes:
    return os.urandom(count).translate(bytes(letters[code % len(letters)] for code in range(256)))


def _sources(count: int) -> list[bytes]:
    """Return the texts of so many source files that are installed here."""
    paths = sorted(Path(sysconfig.get_path("purelib")).rglob("*.py"))
    return [path.read_bytes() for path in islice(paths, 0, None, max(1, len(paths) // count))][:count]


def _plant(folder: Path, files: int, each: int) -> list[str]:
    """Write source files with secrets in them, in every form, some of them packed; return the secrets."""
    draw, planted = random.Random(20261126), []
    for number, source in enumerate(_sources(files)):
        lines = source.split(b"\n")
        for text in draw.choices(secrets(), k=each):
            planted.append(text)
            before, after = draw.choice(["", "key = '", "Bearer ", "x"]), draw.choice(["'", "", "\\n", ","])
            lines.insert(draw.randrange(len(lines)), hidden(text, before, after, draw.choice([0, 0, 0, 1, 2])))
        content = b"\n".join(lines)
        kind = number % 8
        if kind == 1:
            content = zipped({"a.py": content})
        elif kind == 2:
            content = tarred({"a.py": content}, "w:gz")
        elif kind == 3:
            content = gzip.compress(zipped({"deep/a.py": content}))
        path = folder / f"{number % 17}" / f"{number}.py"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
    return planted


def _found_all(folder: Path, files: int, each: int) -> None:
    planted = _plant(folder, files, each)
    started = time.process_time()
    report = scan(Wish([str(folder)]))
    speed = report.size / 1e6 / (time.process_time() - started)
    print(f"\n{len(planted)} in {report.size / 1e6:.0f} MB: {speed:.0f} MB/s")
    assert sorted(each.text for each in report.findings) == sorted(planted)
    assert report.unread == []


def test_what_is_planted_in_a_source_tree_is_found(tmp_path: Path) -> None:
    """The short form; ``tests/codec/shapes`` finds ten thousand in text."""
    _found_all(tmp_path, 50, 10)


@pytest.mark.soak
def test_ten_thousand_in_a_source_tree_are_all_found(tmp_path: Path) -> None:
    """Figure: 10,000 of 10,000, in files, base64 and archives, and nothing besides."""
    _found_all(tmp_path, 1_000, 10)


@pytest.mark.soak
def test_a_gigabyte_of_random_text_holds_none() -> None:
    """Figure: none in 1 GB of random base62, though blocks are searched together with the end of the one before."""
    end, started = b"", time.process_time()
    for _ in range((1 << 30) // BLOCK):
        block = end + _random(BLOCK)
        assert hits(block) == []
        end = block[-1024:]
    print(f"\n{(1 << 30) / 1e6 / (time.process_time() - started):.0f} MB/s, making it included")


@pytest.mark.soak
def test_a_hundred_megabytes_of_look_alikes_hold_none() -> None:
    """Every text begins as one of ours does: one such run in 25,000 finds one by chance."""
    prefixes = [shape.prefix.encode() for shape in SHAPES]
    for _ in range(25):
        letters = _random(4 << 20)
        texts = [prefixes[at % len(prefixes)] + letters[at * 36 : at * 36 + 36] for at in range(len(letters) // 36)]
        assert hits(b"\n".join(texts)) == []
