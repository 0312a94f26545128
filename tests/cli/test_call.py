"""``watchword call``: proofs on the wire, secrets from where they are safe, exit codes that mean something."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Said, run_in
from watchword.codec.message import sign

KEY = "ak_live_" + "x" * 36


class _Echo(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == "/login":
            answer: Any = {"token": "the.access.token", "expires_in": 600, "refresh_token": "rt_x"}
            answer = answer if json.loads(body)["password"] == "open sesame" else {"type": "unauthenticated"}
            status = 200 if "token" in answer else 401
        elif self.path == "/token":
            answer, status = {"access_token": "the.oauth.token", "token_type": "Bearer", "expires_in": 60}, 200
        else:
            answer = {"method": self.command, "path": self.path, "body": body.decode(), "headers": dict(self.headers)}
            status = int(self.path.rpartition("/")[2]) if self.path.startswith("/status/") else 200
        content = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_DELETE = do_GET

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def echo() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Echo)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def _call(folder: Path, *words: str, stdin: str = "") -> Said:
    return run_in(folder, "call", *words, stdin=stdin)


def _fields(said: Said) -> dict[str, str]:
    assert said.code == 0, said
    return {name.lower(): value for name, value in said.json["headers"].items()}


def test_needs_no_configuration(echo: str, tmp_path: Path) -> None:
    value = _call(tmp_path, f"{echo}/x?a=1").json
    assert (value["method"], value["path"], value["body"]) == ("GET", "/x?a=1", "")


@pytest.mark.parametrize("form", ["env", "file", "stdin", "argument"])
def test_an_api_key_comes_from_anywhere(echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    monkeypatch.setenv("BILLING_KEY", KEY)
    (tmp_path / "key").write_text(KEY + "\n")
    given = {"env": "env:BILLING_KEY", "file": "@key", "stdin": "-", "argument": KEY}[form]
    said = _call(tmp_path, echo, "--api-key", given, stdin=KEY + "\n")
    assert _fields(said)["authorization"] == f"Bearer {KEY}"


def test_basic_takes_its_password_from_the_environment(
    echo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHWORD_PASSWORD", "open sesame")
    value = _fields(_call(tmp_path, echo, "--basic", "alice"))["authorization"]
    assert base64.b64decode(value.removeprefix("Basic ")) == b"alice:open sesame"


def test_a_signature_is_of_what_is_sent(echo: str, tmp_path: Path) -> None:
    (tmp_path / "s").write_text("hs_live_secret\n")
    words = ("POST", f"{echo}/orders?a=b", "--hmac-key", "hk_live_1", "--secret-file", "s", "--data", '{"n": 1}')
    said = _call(tmp_path, *words)
    fields = _fields(said)
    lines = ["watchword-hmac-v1", "hk_live_1", fields["x-timestamp"], fields["x-nonce"], "POST", fields["host"]]
    lines += ["/orders", "a=b", "application/json", hashlib.sha256(said.json["body"].encode()).hexdigest()]
    assert fields["x-signature"] == sign("hs_live_secret", "\n".join(lines).encode())


def test_login_and_oauth_fetch_their_tokens(echo: str, tmp_path: Path) -> None:
    said = _call(tmp_path, f"{echo}/x", "--login", echo, "alice", "--secret", "-", stdin="open sesame\n")
    assert _fields(said)["authorization"] == "Bearer the.access.token"
    said = _call(tmp_path, f"{echo}/x", "--oauth", f"{echo}/token", "cli_1", "--secret", "-", stdin="s\n")
    assert _fields(said)["authorization"] == "Bearer the.oauth.token"


def test_a_refused_login_exits_1(echo: str, tmp_path: Path) -> None:
    said = _call(tmp_path, f"{echo}/x", "--login", echo, "alice", "--secret", "-", stdin="wrong\n")
    assert (said.code, said.out) == (1, "")
    assert "login was refused" in said.err
    assert "wrong\n" not in said.err


@pytest.mark.parametrize(("status", "code"), [(204, 0), (302, 0), (401, 1), (403, 1), (429, 1), (500, 3), (503, 3)])
def test_exit_codes_follow_the_status(echo: str, tmp_path: Path, status: int, code: int) -> None:
    assert _call(tmp_path, f"{echo}/status/{status}").code == code


def test_a_server_that_is_not_there_exits_3(tmp_path: Path) -> None:
    said = _call(tmp_path, "http://127.0.0.1:1/")
    assert (said.code, said.out) == (3, "")
    assert "cannot be reached" in said.err


def test_verbose_shows_status_and_fields_on_stderr(echo: str, tmp_path: Path) -> None:
    said = _call(tmp_path, echo, "-v")
    assert said.err.startswith("HTTP/1.1 200 OK\n")
    assert "content-type: application/json" in said.err.lower()


def test_json_wraps_the_answer(echo: str, tmp_path: Path) -> None:
    value = _call(tmp_path, echo, "--json").json
    assert value["status"] == 200
    assert json.loads(value["body"])["method"] == "GET"


def test_dry_run_prints_the_request_and_sends_nothing(tmp_path: Path) -> None:
    words = ("PUT", "http://127.0.0.1:1/a?b", "--api-key", KEY, "--data", "{}", "--header", "X-Mine: 1", "--dry-run")
    said = _call(tmp_path, *words)
    assert said.code == 0
    head, body = said.out.split("\n\n")
    assert head.splitlines()[0] == "PUT /a?b HTTP/1.1"
    fields = {line.partition(": ")[0].lower(): line.partition(": ")[2] for line in head.splitlines()[1:]}
    assert fields["host"] == "127.0.0.1:1"
    assert fields["authorization"] == f"Bearer {KEY}"
    assert (fields["x-mine"], fields["content-type"], fields["content-length"]) == ("1", "application/json", "2")
    assert body == "{}\n"


@pytest.mark.parametrize("option", ["--login", "--session"])
def test_dry_run_of_a_login_prints_the_login_first(tmp_path: Path, option: str) -> None:
    said = _call(tmp_path, "http://127.0.0.1:1/x", option, "http://127.0.0.1:1", "alice", "--secret", "p", "--dry-run")
    assert said.code == 0
    assert "/login HTTP/1.1\n" in said.out
    assert "GET /x HTTP/1.1\n" in said.out
    assert "(from the first answer)" in said.out


def test_the_credential_goes_to_its_own_origin_alone(echo: str, tmp_path: Path) -> None:
    said = _call(tmp_path, f"{echo}/x", "--login", "http://127.0.0.1:1", "alice", "--secret", "p")
    assert "authorization" not in _fields(said)


def test_http_to_elsewhere_warns(tmp_path: Path) -> None:
    said = _call(tmp_path, "http://api.test/x", "--api-key", KEY, "--dry-run")
    assert "use https" in said.err
    assert "use https" not in _call(tmp_path, "https://api.test/x", "--api-key", KEY, "--dry-run").err


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("127.0.0.1:1/x",), "did you mean GET http://127.0.0.1:1/x?"),
        (("ftp://x/",), "not a whole URL"),
        (("http://u:p@127.0.0.1/",), "no place for a password"),
        (("GET", "http://127.0.0.1/", "more"), "3 words"),
        (("G-T", "http://127.0.0.1/"), "not a method"),
        (("http://127.0.0.1:1/", "--api-key", "env:NO_SUCH_NAME"), "has no NO_SUCH_NAME"),
        (("http://127.0.0.1:1/", "--api-key", "@nowhere"), "cannot be read"),
        (("http://127.0.0.1:1/", "--api-key", "a b"), "api-key"),
        (("http://127.0.0.1:1/", "--basic", "alice"), "no terminal to ask on"),
        (("http://127.0.0.1:1/", "--basic", "a", "--hmac-key", "b"), "--basic and --hmac-key exclude each other"),
        (("http://127.0.0.1:1/", "--cert", "c.pem"), "--cert and --key go together"),
        (("http://127.0.0.1:1/", "--cacert", "nowhere.pem"), "there is no file nowhere.pem"),
        (("http://127.0.0.1:1/", "--hmac-key", "hk", "--secret", "s", "--signing", "v9"), "profiles are"),
        (("http://127.0.0.1:1/", "--as", "nobody"), "there is no profile 'nobody'"),
        (("http://127.0.0.1:1/", "--header", "x"), "not a header field"),
        ((), "URL is missing"),
    ],
)
def test_mistakes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], what: str) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    said = _call(tmp_path, *words)
    assert (said.code, said.out) == (2, ""), said
    assert what in said.err
