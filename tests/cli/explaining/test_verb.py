"""``watchword explain``: the real gate's answer, step by step, and nothing kept of it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.cli.desk import Desk
from watchword.codec.message import body_digest, sign

ROUTES = """
[[route]]
path = "/orders/{id}"
methods = ["GET", "POST"]
accept = "api-key | hmac"
scopes = ["orders:read"]
limit = "600/min"
networks = ["127.0.0.0/8"]
body = "upstream"

[[route]]
path = "/internal"
accept = "jwt via mtls | mtls & api-key"

[[route]]
path = "/open"
accept = "api-key | public"
"""
URL = "http://api.test/orders/7"


@pytest.fixture
def routed(desk: Desk) -> Desk:
    with (desk.folder / "watchword.toml").open("a") as file:
        file.write(ROUTES)
    return desk


def _key(desk: Desk, *words: str) -> Any:
    return desk.issued("api-key", "service:billing", "--scope", "orders:read", *words)


def test_an_accepted_request_exits_0_and_says_who(routed: Desk) -> None:
    key = _key(routed)
    said = routed.done("explain", "GET", URL, "--header", f"Authorization: Bearer {key['secret']}")
    assert f"accepted: service:billing, proved by api-key {key['id']}" in said.out
    assert key["secret"] not in said.out
    assert "left after this one" not in said.out
    assert "how much of a limit is used up is known to the servers" in said.out
    value = routed.done("explain", "GET", URL, "-H", f"Authorization: Bearer {key['secret']}", "--json").json
    assert (value["decision"], value["status"], value["subject"]) == ("accepted", 200, "service:billing")
    assert value["route"]["path"] == "/orders/{id}"
    assert value["presence"] == {"api-key": "presented", "hmac": "absent"}
    assert {step["outcome"] for step in value["steps"]} == {"passed"}


@pytest.mark.parametrize(
    ("url", "words", "status", "reason"),
    [
        (URL, (), 401, "no_credential"),
        (URL, ("--header", "Authorization: Bearer ak_live_nope"), 401, "malformed_credential"),
        (URL, ("--from", "10.0.0.1"), 403, "network_not_allowed"),
        ("http://api.test/elsewhere", (), 403, "no_route"),
        (URL + "?api_key=ak_live_x", (), 400, "credential_in_url"),
        (URL, ("-H", "X-API-Key: hk_live_x"), 401, "malformed_credential"),
        (URL, ("-H", "Host: a", "-H", "Host: b"), 400, "duplicate_field"),
        ("http://api.test/whoami", (), 401, "no_credential"),
    ],
)
def test_a_refused_request_exits_1_with_the_precise_reason(
    routed: Desk, url: str, words: tuple[str, ...], status: int, reason: str
) -> None:
    said = routed.run("explain", "GET", url, *words)
    assert said.code == 1
    assert f"refused: {status} {reason}" in said.out
    value = routed.run("explain", "GET", url, *words, "--json").json
    assert (value["decision"], value["status"], value["reason"]) == ("refused", status, reason)


def test_a_missing_scope_is_told_with_the_credential(routed: Desk) -> None:
    key = routed.issued("api-key", "service:billing")
    said = routed.run("explain", "GET", URL, "-H", f"Authorization: Bearer {key['secret']}")
    assert "scopes: insufficient_scope" in said.out
    assert key["id"] in said.out


def test_the_policy_is_drawn_as_a_tree(routed: Desk) -> None:
    out = routed.run("explain", "GET", "http://api.test/internal").out
    assert "either of" in out
    assert "through an application" in out
    assert "all of" in out


def test_public_lets_anybody_in(routed: Desk) -> None:
    assert "accepted: anybody" in routed.done("explain", "GET", "http://api.test/open").out


def _signed(desk: Desk, body: str, key: Any) -> tuple[list[str], str]:
    stamp = str(int(time.time()))
    words = ["-H", f"X-API-Key: {key['id']}", "-H", f"X-Timestamp: {stamp}", "-H", "Content-Type: application/json"]
    words += ["-H", f"X-Content-SHA256: {body_digest(body.encode())}"]
    asked = desk.run("explain", "POST", URL + "?a=b", *words, "--data", body, "--json")
    assert asked.code == 1
    return words, asked.json["signature"]["string_to_sign"]


def test_the_string_to_sign_is_exactly_what_the_gate_checks(routed: Desk) -> None:
    key = routed.issued("hmac", "service:billing", "--scope", "orders:read")
    words, text = _signed(routed, '{"n": 1}', key)
    assert text.split("\n")[0] == "watchword-hmac-v1"
    assert len(text.split("\n")) == 10
    words += ["-H", f"X-Signature: {sign(key['secret'], text.encode())}"]
    said = routed.done("explain", "POST", URL + "?a=b", *words, "--data", '{"n": 1}')
    assert f"proved by hmac {key['id']}" in said.out
    assert key["secret"] not in said.out
    tampered = routed.run("explain", "POST", URL + "?a=c", *words, "--data", '{"n": 1}')
    assert "refused: 401 bad_signature" in tampered.out
    other = routed.done("explain", "POST", URL + "?a=b", *words, "--data", '{"n": 2}')
    assert "X-Content-SHA256 is not of this content: the service behind must refuse it" in other.out
    at = next(place for place, word in enumerate(words) if "SHA256" in word)
    unstated = words[: at - 1] + words[at + 1 :]
    unseen = routed.run("explain", "POST", URL + "?a=b", *unstated, "-d", "x")
    assert "refused: 400 body_unseen" in unseen.out
    assert "a gateway asks without the content: the caller has to send X-Content-SHA256" in unseen.out


def test_concat_shows_its_own_string(routed: Desk) -> None:
    key = routed.issued("hmac", "service:billing", "--profile", "concat", "--scope", "orders:read")
    _, text = _signed(routed, '{"n": 1}', key)
    assert text.startswith('POST/orders/7?a=b{"n": 1}')


def test_a_certificate_is_judged(routed: Desk) -> None:
    routed.issued("client-cert", "service:billing", "--out", "tls")
    value = routed.run("explain", "GET", "https://api.test/internal", "--cert", "tls/cert.pem", "--json").json
    assert value["presence"]["mtls"] == "presented"
    value = routed.done("explain", "GET", "https://api.test/whoami", "--cert", "tls/cert.pem", "--json").json
    assert (value["subject"], value["scheme"]) == ("service:billing", "mtls")


def test_nothing_is_kept(routed: Desk) -> None:
    key = routed.issued("hmac", "service:billing", "--scope", "orders:read")
    words, text = _signed(routed, "{}", key)
    words += ["-H", f"X-Signature: {sign(key['secret'], text.encode())}"]
    before = routed.done("audit", "--json").out
    for _ in range(2):  # a server would call the second a replay
        routed.done("explain", "POST", URL + "?a=b", *words, "--data", "{}")
    assert routed.done("audit", "--json").out == before
    assert routed.done("show", key["id"], "--json").json["last_used_at"] is None


def test_a_key_in_the_url_is_neither_repeated_nor_burnt(routed: Desk) -> None:
    key = _key(routed)
    for more in ((), ("--json",)):
        said = routed.run("explain", "GET", f"{URL}?api_key={key['secret']}", *more)
        assert said.code == 1
        assert key["secret"] not in said.out + said.err
    assert routed.done("show", key["id"], "--json").json["state"] == "active"


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("GET", "/orders/7"), "not a whole URL"),
        (("GET", "http://[::1"), "not a URL"),
        (("http://api.test/", "GET"), "not a"),
        (("GET", URL, "--header", "nonsense"), "not a header field"),
        (("GET", URL, "--from", "here"), "--from"),
        (("GET", URL, "--cert", "nowhere.pem"), "nowhere.pem"),
        (("GET", URL, "--cert", "watchword.toml"), "holds no certificate"),
        (("GET", URL, "--data", "@nowhere"), "--data"),
        (("GET",), "URL is missing"),
    ],
)
def test_mistakes(routed: Desk, words: tuple[str, ...], what: str) -> None:
    assert what in routed.wrong("explain", *words)


def test_a_wrong_policy_names_the_line_and_the_nearest_scheme(desk: Desk) -> None:
    with (desk.folder / "watchword.toml").open("a") as file:
        file.write('[[route]]\npath = "/x"\naccept = "api-kye"\n')
    said = desk.wrong("explain", "GET", "http://api.test/x")
    assert "line" in said
    assert "api-key" in said


def test_why_a_signature_is_wrong_is_told_from_the_signature_alone(routed: Desk) -> None:
    key = routed.issued("hmac", "service:billing", "--scope", "orders:read")
    words, text = _signed(routed, '{"n": 1}', key)
    ended = sign(key["secret"], text.encode() + b"\n")
    words += ["-H", f"X-Signature: {ended}"]
    said = routed.run("explain", "POST", URL + "?a=b", *words, "--data", '{"n": 1}')
    assert "X-Signature fits if a line break ends the text." in said.out
    assert "They differ first in line 10 (content's digest), column 65:" in said.out
    assert key["secret"] not in said.out


def test_what_the_caller_signed_is_compared(routed: Desk) -> None:
    key = routed.issued("hmac", "service:billing", "--scope", "orders:read")
    words, text = _signed(routed, '{"n": 1}', key)
    (routed.folder / "signed.txt").write_text(text.replace("/orders/7", "/order/7"))
    said = routed.run("explain", "POST", URL + "?a=b", *words, "--data", '{"n": 1}', "--signed-string", "@signed.txt")
    assert "They differ first in line 7 (path), column 7:" in said.out
    assert said.out.count("^") == 1
    err = routed.wrong("explain", "GET", URL, "--signed-string", "@nowhere")
    assert "--signed-string" in err


def test_a_server_is_asked_by_an_operator(routed: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    value = routed.run("explain", "GET", URL, "--json").json

    def answer(*words: Any) -> Any:
        asked.append(words)
        return value

    monkeypatch.setattr("watchword.cli.explaining.remote.asked_of", answer)
    routed.issued("client-cert", "service:billing", "--out", "tls")
    words = ("-H", "A: b", "--data", "é", "--cert", "tls/cert.pem", "--signed-string", "x")
    said = routed.run("explain", "POST", URL, *words, "--server", "https://a.example", "--as", "ops")
    assert (said.code, "refused: 401 no_credential" in said.out) == (1, True)
    server, profile, path, sent = asked[0]
    assert (server, profile, path) == ("https://a.example", "ops", "/admin/v1/explain")
    assert (sent["method"], sent["headers"], sent["body_base64"]) == ("POST", [["A", "b"]], "w6k=")
    assert sent["certificate"].startswith("-----BEGIN CERTIFICATE")
    from watchword.explanation import Question

    assert Question.of(sent).body == "é".encode()
    assert "--as goes with --server" in routed.wrong("explain", "GET", URL, "--as", "ops")
