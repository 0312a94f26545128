"""``watchword scan``: what it prints, writes, looks up and revokes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk
from tests.codec.sarif.test_log import published
from watchword.codec.secrets import new_secret
from watchword.codec.shapes import fingerprint


@pytest.fixture
def tree(desk: Desk) -> Iterator[Path]:
    folder = desk.folder / "tree"
    folder.mkdir()
    yield folder
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    subprocess.run(["rm", "-rf", str(folder)], check=True)


def test_nothing_found_is_zero(desk: Desk, tree: Path) -> None:
    (tree / "a.py").write_text("print('hello')\n")
    said = desk.done("scan", "tree")
    assert said.out == ""
    assert "nothing found" in said.err


def test_a_finding_is_one_and_shows_no_whole_secret(desk: Desk, tree: Path) -> None:
    text = new_secret("ak_live_")
    (tree / "a.py").write_text(f"x\nkey = '{text}'\n")
    said = desk.run("scan", "tree")
    assert said.code == 1
    assert f"ak_live_\u2026{text[-4:]}" in said.out
    assert "tree/a.py:2" in said.out
    assert text not in said.out + said.err
    (value,) = desk.run("scan", "tree", "--json").lines
    assert (value["kind"], value["path"], value["line"], value["column"]) == ("api-key", "tree/a.py", 2, 8)
    assert value["fingerprint"] == fingerprint(text)


def test_sarif_is_what_the_published_schema_says(desk: Desk, tree: Path) -> None:
    text = new_secret("cs_live_")
    (tree / "a.py").write_text(text)
    assert desk.run("scan", "tree", "--sarif", "tree/out.sarif").code == 1
    written = (tree / "out.sarif").read_text()
    log = json.loads(written)
    published().validate(log)
    (result,) = log["runs"][0]["results"]
    assert result["ruleId"] == "leaked-oauth-client"
    assert text not in written
    (tree / "out.sarif").unlink()
    printed = json.loads(desk.run("scan", "tree", "--sarif", "-").out)
    assert printed == log


def test_whose_it_is_and_that_it_is_revoked(desk: Desk, tree: Path) -> None:
    issued = desk.issued("api-key", "service:billing")
    (tree / "a").write_text(issued["secret"])
    (tree / "b").write_text(new_secret("ak_live_"))
    values = {value["path"]: value for value in desk.run("scan", "tree", "--store", "--json").lines}
    assert (values["tree/a"]["credential"], values["tree/a"]["subject"]) == (issued["id"], "service:billing")
    assert values["tree/a"]["state"] == "active"
    assert values["tree/b"]["credential"] is None
    assert desk.done("show", issued["id"], "--json").json["state"] == "active"
    said = desk.run("scan", "tree", "--revoke")
    assert "nobody's here" in said.out
    assert "leaked" in said.out
    shown = desk.done("show", issued["id"], "--json").json
    assert (shown["state"], shown["revoke_reason"]) == ("leaked", "leaked: found in tree/a:1")


def test_standard_input(desk: Desk) -> None:
    text = new_secret("ws_")
    assert desk.run("scan", "-", stdin=f"a\n{text}\n").code == 1
    assert desk.run("scan", "-", stdin="a\n").code == 0


def test_what_was_looked_at_is_allowed(desk: Desk, tree: Path) -> None:
    text = new_secret("ak_live_")
    (tree / "a").write_text(text)
    (tree / ".watchwordignore").write_text(f"{fingerprint(text)}\n")
    assert "1 allowed" in desk.done("scan", "tree").err
    assert desk.run("scan", "tree", "--no-ignore").code == 1
    assert desk.run("scan", "tree", "--no-ignore", "--exclude", "a").code == 0


def test_the_env_that_init_wrote_is_where_the_root_key_belongs(desk: Desk) -> None:
    assert desk.run("scan", ".").code == 0
    said = desk.run("scan", ".env")
    assert said.code == 1
    assert "root key" in said.out
    assert (desk.folder / ".env").read_text().partition("=")[2].strip() not in said.out


def test_a_hook_refuses_the_commit(desk: Desk, tree: Path) -> None:
    def git(*words: str) -> subprocess.CompletedProcess[str]:
        command = ["git", "-C", str(tree), "-c", "user.name=n", "-c", "user.email=e@example.com", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    git("init", "-q")
    desk.done("scan", "--install-hook", "tree")
    desk.done("scan", "--install-hook", "tree")  # ours is written anew
    (tree / "a").write_text("nothing\n")
    git("add", "-A")
    assert git("commit", "-qm", "one").returncode == 0
    (tree / "a").write_text(new_secret("ak_live_"))
    git("add", "-A")
    refused = git("commit", "-qm", "two")
    assert refused.returncode != 0
    assert "API key" in refused.stdout + refused.stderr
    assert desk.run("scan", "--staged", "tree").code == 1
    hook = tree / ".git" / "hooks" / "pre-commit"
    hook.write_text("#!/bin/sh\nexit 0\n")
    assert "somebody else's" in desk.wrong("scan", "--install-hook", "tree", code=1)
    assert hook.read_text() == "#!/bin/sh\nexit 0\n"


def test_what_cannot_be_scanned_is_said(desk: Desk, tree: Path) -> None:
    assert "No such file" in desk.wrong("scan", "nowhere")
    assert "not a git repository" in desk.wrong("scan", "--staged", "/")
    assert "git repository" in desk.wrong("scan", "--install-hook", "/")
    (tree / ".watchwordignore").write_bytes(b"\xff\n")
    assert "not UTF-8" in desk.wrong("scan", "tree")
    (tree / ".watchwordignore").unlink()
    assert "no-such" in desk.wrong("scan", "tree", "--sarif", "no-such/x", code=3)
