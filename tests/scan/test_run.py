"""A whole scan: what it counts, allows, reports."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from tests.codec.sarif.test_log import published
from watchword.codec.secrets import new_secret
from watchword.codec.shapes import SHAPES, fingerprint
from watchword.scan.archives import Budget
from watchword.scan.run import Report, Wish, scan


def test_what_is_found_is_counted_and_written(tmp_path: Path) -> None:
    planted = [new_secret(shape.prefix) for shape in SHAPES if shape.name != "refresh"]
    (tmp_path / "a").write_text("\n".join(planted))
    report = scan(Wish([str(tmp_path)]))
    assert [each.text for each in report.findings] == planted
    assert not report.clean
    assert f"{len(planted)} found" in report.summary()
    log = report.sarif()
    published().validate(log)
    assert len(log["runs"][0]["results"]) == len(planted)
    assert all(text not in str(log) for text in planted)


def test_a_name_that_is_a_secret_is_not_shown_whole(tmp_path: Path) -> None:
    """Caches name their files by tokens."""
    text = new_secret("ak_live_")
    (tmp_path / f"of-{text}.json").write_text(text)
    report = scan(Wish([str(tmp_path)]))
    assert [each.path for each in report.findings] == [f"{tmp_path}/of-ak_live_…{text[-4:]}.json"]
    assert text not in str([report.sarif(), *(each.value() for each in report.findings)])


def test_nothing_is_clean_and_a_refusal_is_not(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("nothing")
    assert scan(Wish([str(tmp_path)])).clean
    report = scan(Wish([str(tmp_path / "a"), str(tmp_path)], exclude=["a"]))
    assert (report.clean, report.size) == (True, 7)
    from tests.scan.packing import zipped

    (tmp_path / "b.zip").write_bytes(zipped({"c": bytes(5 << 20)}))
    report = scan(Wish([str(tmp_path)], budget=lambda: Budget(size=1 << 20)))
    assert (report.clean, report.findings, len(report.unread)) == (False, [], 1)


def test_each_folder_has_its_own_exceptions(tmp_path: Path) -> None:
    text = new_secret("ak_live_")
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_text(text)
    (tmp_path / "a" / ".watchwordignore").write_text(fingerprint(text))
    report = scan(Wish([str(tmp_path / "a"), str(tmp_path / "b")]))
    assert ([each.path for each in report.findings], report.allowed) == ([f"{tmp_path}/b/x"], 1)
    assert len(scan(Wish([str(tmp_path / "a")], ignore=False)).findings) == 1


def test_every_repository_on_the_way_is_read_once(tmp_path: Path) -> None:
    """A folder of checkouts, with submodules, working trees, bare ones, and one that is broken."""
    from tests.scan.test_history import Repository

    inner, outer = Repository(tmp_path / "inner"), Repository(tmp_path / "outer")
    texts = [new_secret("ak_live_") for _ in range(2)]
    for text, repository in zip(texts, (inner, outer), strict=True):
        repository.commit("in", a=text)
        repository.commit("out", a=None)
    outer.git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(inner.folder), "sub")
    outer.git("worktree", "add", "-q", "--detach", str(tmp_path / "tree"))
    inner.git("clone", "-q", "--bare", ".", str(tmp_path / "bare.git"))
    (tmp_path / "broken" / ".git").mkdir(parents=True)
    report = scan(Wish([str(tmp_path)]))
    places = sorted((each.path, texts.index(each.text)) for each in report.findings)
    assert places == [("bare.git/a", 0), ("inner/a", 0), ("outer/a", 1), ("outer/sub/a", 0)]
    assert [(each.path, each.refused) for each in report.unread] == [("broken/(history)", True)]
    assert scan(Wish([str(tmp_path)], history=False)).findings == []


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    import gzip

    text = new_secret("ak_live_")
    stream = io.TextIOWrapper(io.BytesIO(gzip.compress(text.encode())))
    monkeypatch.setattr(sys, "stdin", stream)
    (finding,) = scan(Wish(["-"])).findings
    assert (finding.text, finding.path) == (text, "-!content")


def test_progress_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from watchword.scan import run

    monkeypatch.setattr(run, "_EVERY", 0.0)
    for number in range(5):
        (tmp_path / str(number)).write_bytes(bytes(1000))
    told: list[int] = []
    scan(Wish([str(tmp_path)]), lambda report: told.append(report.size))
    assert told == [1000, 2000, 3000, 4000, 5000]


def test_a_path_that_is_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        scan(Wish([str(tmp_path / "nowhere")]))


def test_a_report_says_how_fast() -> None:
    assert Report(size=100_000_000, seconds=2.0).summary() == "nothing found in 100.0 MB (2.0 s, 50 MB/s)"
