"""The demo has a folder of its own, touches no other store, and leaves nothing behind."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from watchword.demo.courier import Courier, Sent
from watchword.demo.stage import Stage, free, listening, staged
from watchword.lifecycle.errors import LifecycleError


def test_nothing_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    elsewhere = f"sqlite:///{tmp_path / 'production.db'}"
    monkeypatch.setenv("WATCHWORD_STORE__URL", elsewhere)  # of an operator who looks at the demo
    monkeypatch.setenv("WATCHWORD_ROOT_KEY", "A" * 43)
    before = set(threading.enumerate())
    bound, url = listening("127.0.0.1:0")
    folders: list[Path] = []

    def broken() -> None:
        with staged(bound, url) as stage, Courier(url, stage.folder) as courier:
            folders.append(stage.folder)
            assert courier.send(Sent("GET", "/catalogue")).status == 200
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        broken()
    (folder,) = folders
    assert not folder.exists()
    assert list(tmp_path.iterdir()) == []
    assert os.environ["WATCHWORD_STORE__URL"] == elsewhere
    assert {thread for thread in threading.enumerate() if thread.name == "watchword-demo"} <= before
    assert free(url.removeprefix("https://"))


def test_secrets_are_its_owners_alone(stage: Stage) -> None:
    assert stat.S_IMODE(stage.folder.stat().st_mode) == 0o700
    for name in ("root.key", "billing.pem", "server.pem"):
        assert stat.S_IMODE((stage.folder / name).stat().st_mode) == 0o600


def test_port_0_picks_a_free_one_and_a_taken_one_is_told() -> None:
    bound, url = listening("127.0.0.1:0")
    with bound:
        place = url.removeprefix("https://")
        assert not place.endswith(":0")
        assert not free(place)
        with pytest.raises(OSError, match="in use"):
            listening(place)
    with pytest.raises(LifecycleError):
        listening("nonsense")


def test_ipv6_is_in_brackets() -> None:
    try:
        bound, url = listening("[::1]:0")
    except OSError:
        pytest.skip("there is no IPv6 here")
    bound.close()
    assert url.startswith("https://[::1]:")
