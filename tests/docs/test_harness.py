"""Show that a page which does not say what is so, fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.docs.page import Faulty, steps
from tests.docs.running import Reader
from tests.docs.shown import Memory


def _read(tmp_path: Path, text: str) -> None:
    page = tmp_path / "page.md"
    page.write_text(text)
    reader = Reader("page.md", tmp_path)
    try:
        for step in steps(page):
            reader.follow(step)
    finally:
        reader.end()


@pytest.mark.parametrize(
    "text",
    [
        "```python\nprint(1)  # 2\n```",
        "```python\nprint(1)\n```",
        "```console\n$ false\n```",
        "<!-- exit: 1 -->\n```console\n$ true\n```",
        "```console\n$ echo one\ntwo\n```",
        "```console\n$ echo one\none\ntwo\n```",
        "```console\n$ printf 'one\\ntwo\\n'\none\n```",
        "```console\n$ echo ak_live_7Hq…\n```",
        "```console\n$ make no-such-target\n```",
        "```console\n$ pip install 'watchword[nothing]'\n```",
        "```console\n$ true &\n```",
        "```console\n$ watchword serve &\n```",
        "```console\n$ watchword no-such-verb\n```",
        "```ruby\nputs 1\n```",
        "```\nno language\n```",
        "```json\n{\n```",
        "```sh\nif true\n```",
        "```nginx\nlisten_on 80;\n```",
        '```toml\nisuer = "https://auth.example.com"\n```',
        '```toml\n[[route]]\npath = "/"\naccept = "api-keys"\n```',
        "```console\noutput\n```",
        "```python\nx = 1\n",
        "<!-- runs: true -->",
        "<!-- file: x.toml -->",
    ],
)
def test_a_page_that_is_wrong_fails(tmp_path: Path, text: str) -> None:
    with pytest.raises((Faulty, ValueError)):
        _read(tmp_path, text)


def test_a_page_that_is_right_passes(tmp_path: Path) -> None:
    _read(
        tmp_path,
        "<!-- run: mkdir deep -->\n<!-- file: deep/one.py -->\n```python\nvalue = 1\n```\n"
        "```console\n$ cd deep\n$ NAME=world\n$ echo hello \\\n    $NAME at 127.0.0.1:8000\n"
        "hello world at 127.0.0.1:8000\n```\n"
        "```python\nfrom one import value\n```\n```python\nprint(value + 1)  # 2\n```\n",
    )


def test_a_page_starts_and_ends_a_server(tmp_path: Path) -> None:
    _read(
        tmp_path,
        "```console\n$ echo hello > greeting\n$ python -m http.server --bind 127.0.0.1 8000 &\n```\n"
        "<!-- stop -->\n```console\n$ cat greeting\nhello\n```\n",
    )


def test_a_short_secret_stands_for_the_same_real_one() -> None:
    memory = Memory()
    memory.compare("key ak_live_7Hq… of key_1…, 2026-01-01", "key  ak_live_realOne of key_abc, 2031-05-06")
    assert memory.spelled_out("Bearer ak_live_7Hq…") == "Bearer ak_live_realOne"
    memory.compare("ak_live_7Hq…", "ak_live_realOne")
    with pytest.raises(Faulty):
        memory.compare("ak_live_7Hq…", "ak_live_otherOne")


def test_a_line_of_dots_stands_for_lines_and_dots_in_a_line_for_its_rest() -> None:
    memory = Memory()
    memory.compare("one\n…\nlast …", "one\ntwo\nthree\nlast of all")
    with pytest.raises(Faulty):
        memory.compare("one …\nlast", "one\ntwo\nlast")
