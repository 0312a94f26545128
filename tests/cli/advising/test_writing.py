"""``--write``: the block stands in the file and counts, or nothing is changed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.desk import Desk, run_in
from watchword.server.config.load import load

WORDS = ("advise", "--callers", "machines", "--write")


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("begun")
    assert run_in(folder, "init").code == 0
    return folder


@pytest.fixture
def folder(begun: Path, tmp_path: Path) -> Path:
    shutil.copytree(begun, tmp_path, dirs_exist_ok=True)
    return tmp_path


def test_the_route_is_appended_and_judges(folder: Path) -> None:
    desk, path = Desk(folder), folder / "watchword.toml"
    path.chmod(0o640)
    before = path.read_text()
    said = desk.done(*WORDS, "--path", "/things/{id}")
    assert "appended to watchword.toml" in said.err
    text = path.read_text()
    assert text.startswith(before.rstrip())
    assert path.stat().st_mode & 0o777 == 0o640
    [route] = load(path).route
    assert (route.path, route.accept, route.methods) == ("/things/{id}", "api-key", ("GET",))
    assert "401 no_credential" in desk.run("explain", "GET", "http://a.test/things/7").out
    assert [each.name for each in folder.iterdir() if each.name.startswith(".watchword-")] == []


def test_a_place_that_has_a_route_is_not_given_another_one(folder: Path) -> None:
    desk = Desk(folder)
    desk.done(*WORDS, "--path", "/things/{id}")
    text = (folder / "watchword.toml").read_text()
    err = desk.wrong(*WORDS, "--path", "/things/7", code=1)
    assert "has a route for GET /things/7 already: /things/{id} accepts api-key" in err
    assert (folder / "watchword.toml").read_text() == text
    desk.done(*WORDS, "--path", "/things/7", "--method", "POST")


def test_what_is_ruled_out_is_not_written(folder: Path) -> None:
    err = Desk(folder).wrong(*WORDS, "--scheme", "session", code=1)
    assert "ruled out" in err


def test_a_file_that_is_wrong_already_is_left_as_it_is(folder: Path) -> None:
    path = folder / "watchword.toml"
    path.write_text("[[rout]]\n")
    Desk(folder).wrong(*WORDS)
    assert path.read_text() == "[[rout]]\n"


def test_there_must_be_a_file(tmp_path: Path) -> None:
    assert "watchword init" in Desk(tmp_path).wrong(*WORDS)


def test_a_link_stays_a_link(folder: Path) -> None:
    path = folder / "watchword.toml"
    path.rename(folder / "real.toml")
    path.symlink_to("real.toml")
    Desk(folder).done(*WORDS)
    assert path.is_symlink()
    assert "[[route]]" in (folder / "real.toml").read_text()
