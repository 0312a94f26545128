"""Histories: every object once, deleted or not; and nothing of the repository runs."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests.scan.packing import zipped
from watchword.codec.secrets import new_secret
from watchword.scan import history as histories
from watchword.scan import look as looking
from watchword.scan.allowed import Allowed
from watchword.scan.archives import Budget
from watchword.scan.finding import Finding, Unread
from watchword.scan.history import NOWHERE, NoGit, history, hooks_of, is_repository, staged, top_of
from watchword.scan.look import Look, merged


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.git("init", "-q", "--template=")

    def git(self, *words: str) -> str:
        named = ("-c", "user.name=n", "-c", "user.email=e@example.com", "-c", "commit.gpgsign=false")
        done = subprocess.run(
            ["git", "-C", str(self.folder), *named, *words], capture_output=True, check=True, text=True
        )
        return done.stdout.strip()

    def commit(self, message: str, **files: str | bytes | None) -> str:
        for name, content in files.items():
            path = self.folder / name.replace("__", "/")
            if content is None:
                path.unlink()
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "-A")
        self.git("commit", "-q", "--allow-empty", "-m", message)
        return self.git("rev-parse", "HEAD")

    def found(self, *ignored: str) -> list[Finding]:
        seen = history(self.folder, Look(), Allowed.of(ignored))
        return merged([each for each in seen if isinstance(each, Finding)])


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path / "repository")


def test_what_was_deleted_is_found_where_it_came_in(repository: Repository) -> None:
    text = new_secret("ak_live_")
    repository.commit("nothing", other="x")
    first = repository.commit("in", deep__a=f"one\n{text}\n")
    repository.commit("changed", deep__a=f"zero\none\n{text}\nthree\n")
    repository.commit("gone", deep__a=None)
    (finding,) = repository.found()
    assert (finding.text, finding.path, finding.commit, finding.times) == (text, "deep/a", first, 2)
    repository.git("gc", "-q", "--aggressive")  # packed now
    assert [each.commit for each in repository.found()] == [first]
    assert repository.found("deep/") == []


def test_messages_tags_branches_and_what_no_commit_has(repository: Repository) -> None:
    in_message, in_tag, on_branch, staged_once, amended = (new_secret("ws_") for _ in range(5))
    repository.commit(f"said {in_message}", a="x")
    repository.git("tag", "-a", "t", "-m", in_tag)
    repository.git("checkout", "-q", "-b", "side")
    side = repository.commit("side", b=on_branch)
    repository.git("checkout", "-q", "-")
    (repository.folder / "c").write_text(staged_once)
    repository.git("add", "c")
    repository.git("rm", "-q", "--cached", "c")
    (repository.folder / "c").unlink()
    repository.commit("oops", d=amended)
    (repository.folder / "d").write_text("x")
    repository.git("commit", "-qa", "--amend", "-m", "better")
    found = {each.text: each for each in repository.found()}
    assert set(found) == {in_message, in_tag, on_branch, staged_once, amended}
    assert (found[in_message].path, found[in_tag].path) == ("(commit)", "(tag)")
    assert (found[on_branch].commit, found[staged_once].commit) == (side, NOWHERE)
    assert found[amended].path == "d"  # the reflog still has it


def test_one_secret_in_several_places(repository: Repository) -> None:
    text = new_secret("ak_live_")
    first = repository.commit("one", a=text, b=text)
    second = repository.commit("two", c=text, **{"archive.zip": zipped({"inside": text.encode()})})
    found = {(each.path, each.commit) for each in repository.found()}
    assert found == {("a", first), ("b", first), ("c", second), ("archive.zip!inside", second)}


def test_merges_are_read(repository: Repository) -> None:
    text = new_secret("ak_live_")
    repository.commit("base", a="x")
    repository.git("checkout", "-q", "-b", "side")
    repository.commit("side", b="y")
    repository.git("checkout", "-q", "-")
    repository.commit("main", c="z")
    repository.git("merge", "-q", "--no-commit", "side")
    (repository.folder / "d").write_text(text)
    repository.git("add", "-A")
    repository.git("commit", "-qm", "merged")
    assert [(each.path, each.commit) for each in repository.found()] == [("d", repository.git("rev-parse", "HEAD"))]


def test_names_that_are_no_text_and_names_that_look_like_what_git_says(repository: Repository) -> None:
    text = new_secret("ak_live_")
    names = [b"\xff", b":100644 100644 a b M", b"a" * 40, b"line\nbreak"]
    for name in names:
        with open(os.fsencode(repository.folder) + b"/" + name, "w") as file:
            file.write(text)
    first = repository.commit("odd")
    assert {(os.fsencode(each.path), each.commit) for each in repository.found()} == {(name, first) for name in names}
    repository.git("rm", "-q", "-r", "--cached", ".")
    assert len(repository.found()) == 4


def test_an_empty_repository_holds_nothing(repository: Repository) -> None:
    assert repository.found() == []
    assert list(staged(repository.folder, Look(), Allowed())) == []


def test_what_is_about_to_be_committed(repository: Repository) -> None:
    old, new, unstaged = (new_secret("ak_live_") for _ in range(3))
    repository.commit("old", kept=old)
    (repository.folder / "new").write_text(f"\n{new}")
    repository.git("add", "-A")
    (repository.folder / "new").write_text(unstaged)
    (finding,) = [each for each in staged(repository.folder, Look(), Allowed()) if isinstance(each, Finding)]
    assert (finding.text, finding.path, finding.line) == (new, "new", 2)
    assert list(staged(repository.folder, Look(), Allowed.of(["new"]))) == []
    repository.git("rm", "-q", "-f", "kept")
    assert len(list(staged(repository.folder, Look(), Allowed()))) == 1


def test_a_large_object_is_read(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "_BLOCK", 100_000)
    text = new_secret("ak_live_")
    repository.commit("large", a=b"\n" * 300_000 + text.encode(), b="x" * 50)
    (finding,) = repository.found()
    assert (finding.path, finding.line) == ("a", 300_001)


def test_an_object_that_unpacks_to_more_is_said_and_written_nowhere(repository: Repository) -> None:
    """git packs a thousand to one: what is large is searched on the way, and never kept."""
    text = new_secret("ak_live_")
    repository.commit("bomb", a=b"PK\x03\x04" + bytes(300_000) + text.encode(), b=bytes(300_000) + b"x")
    seen = list(history(repository.folder, Look(lambda: Budget(size=200_000)), Allowed()))
    assert [each.text for each in seen if isinstance(each, Finding)] == [text]
    assert [each.refused for each in seen if isinstance(each, Unread)] == [True]


def test_nothing_of_the_repository_runs(repository: Repository, tmp_path: Path) -> None:
    """A repository is somebody else's: hooks, filters, pagers, programs for signatures and differences."""
    mark = tmp_path / "ran"
    script = tmp_path / "run"
    script.write_text(f"#!/bin/sh\ntouch {mark}\ncat\n")
    script.chmod(0o755)
    repository.commit("in", a=new_secret("ak_live_"), **{".gitattributes": "* diff=evil filter=evil\n"})
    for name in ("core.pager", "core.fsmonitor", "core.sshCommand", "diff.external", "diff.evil.command",
                 "diff.evil.textconv", "filter.evil.clean", "filter.evil.smudge", "gpg.program", "core.editor",
                 "core.alternateRefsCommand", "uploadpack.packObjectsHook", "interactive.diffFilter"):  # fmt: skip
        repository.git("config", name, str(script))
    repository.git("config", "log.showSignature", "true")
    hooks = repository.folder / ".git" / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout"):
        (hooks / name).write_text(script.read_text())
        (hooks / name).chmod(0o755)
    mark.unlink(missing_ok=True)
    assert len(repository.found()) == 1
    list(staged(repository.folder, Look(), Allowed()))
    top_of(repository.folder)
    hooks_of(repository.folder)
    assert not mark.exists()


def test_what_is_missing_is_not_fetched_as_the_repository_wishes(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A promisor's URL may be a command, and its own settings allow that; git before 2.39.4 asks nobody."""
    monkeypatch.delitem(histories._ENVIRONMENT, "GIT_NO_LAZY_FETCH")
    mark = tmp_path / "ran"
    first = repository.commit("in", a=new_secret("ak_live_"), d__b="x")
    repository.commit("more", d__b="y")
    tree = repository.git("rev-parse", f"{first}:d")
    for name, value in {"extensions.partialClone": "origin", "remote.origin.promisor": "true",
                        "remote.origin.url": f"ext::touch {mark}", "protocol.ext.allow": "always"}.items():  # fmt: skip
        repository.git("config", name, value)
    (repository.folder / ".git" / "objects" / tree[:2] / tree[2:]).unlink()
    seen = list(history(repository.folder, Look(), Allowed()))
    assert not mark.exists()
    assert len([each for each in seen if isinstance(each, Finding)]) == 1  # what is found is not lost for it
    assert [each.refused for each in seen if isinstance(each, Unread)] == [True]


def test_a_history_that_is_cut_off_is_said(repository: Repository, tmp_path: Path) -> None:
    repository.commit("one", a="x")
    repository.commit("two", a="y")
    shallow = tmp_path / "shallow"
    repository.git("clone", "-q", "--depth", "1", f"file://{repository.folder}", str(shallow))
    (unread,) = history(shallow, Look(), Allowed())
    assert isinstance(unread, Unread)
    assert ("shallow" in unread.why, unread.refused) == (True, False)


def test_one_that_is_broken_is_not_the_one_around_it(repository: Repository) -> None:
    repository.commit("in", a=new_secret("ak_live_"))
    (repository.folder / "inner" / ".git").mkdir(parents=True)
    with pytest.raises(NoGit, match="not a git repository"):
        list(history(repository.folder / "inner", Look(), Allowed()))


def test_what_git_refuses_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NoGit, match="not a git repository"):
        top_of(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoGit, match="cannot be run"):
        top_of(tmp_path)


def test_which_folders_are_repositories(repository: Repository, tmp_path: Path) -> None:
    assert is_repository(repository.folder)
    assert is_repository(repository.folder / ".git")
    assert not is_repository(tmp_path)


def test_another_repository_is_not_read_for_what_the_environment_says(
    repository: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a hook GIT_DIR names the repository that is committed to."""
    other = Repository(tmp_path / "other")
    other.commit("in", a=new_secret("ak_live_"))
    monkeypatch.setenv("GIT_DIR", str(repository.folder / ".git"))
    assert len([each for each in history(other.folder, Look(), Allowed()) if isinstance(each, Finding)]) == 1
