"""What processes share besides a database lies where only their user gets at it."""

from pathlib import Path

import pytest

from watchword.model.ports import Unavailable
from watchword.stores.machine import shared_stem

URL = "postgresql://user:secret@db.example/app"


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path


def test_the_folder_is_private_and_the_name_follows_the_place(runtime: Path) -> None:
    stem = shared_stem(URL)
    assert stem.parent.stat().st_mode & 0o777 == 0o700
    assert stem == shared_stem("postgresql://other:password@db.example/app")
    assert stem != shared_stem("postgresql://user:secret@db.example/other")


def test_a_folder_that_others_may_enter_is_refused(runtime: Path) -> None:
    shared_stem(URL).parent.chmod(0o755)
    with pytest.raises(Unavailable, match="mode 0700"):
        shared_stem(URL)


def test_a_link_in_its_place_is_refused(runtime: Path) -> None:
    folder = shared_stem(URL).parent
    folder.rmdir()
    (runtime / "elsewhere").mkdir(mode=0o700)
    folder.symlink_to(runtime / "elsewhere")
    with pytest.raises(Unavailable, match="this user alone"):
        shared_stem(URL)
