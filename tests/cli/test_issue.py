"""``watchword issue``: the contract's JSON, secrets once, mistakes with the nearest right word."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.cli.desk import Desk
from watchword.codec.secrets import well_formed

COMMON = {"id", "kind", "subject", "scopes", "expires_at"}


def _everything(desk: Desk, id: str) -> str:
    said = [desk.done("list"), desk.done("list", "--json"), desk.done("show", id), desk.done("show", id, "--json")]
    said += [desk.done("audit"), desk.done("audit", "--json")]
    return "".join(each.out + each.err for each in said)


def test_api_key_json_is_the_contracts(desk: Desk) -> None:
    words = ("--scope", "orders:read", "--scope", "a", "--expires", "90d", "--ip", "10.0.0.0/8", "--limit", "600/min")
    value = desk.issued("api-key", "service:billing", *words)
    assert value.keys() >= COMMON
    assert value["id"].startswith("key_")
    assert (value["kind"], value["subject"]) == ("api-key", "service:billing")
    assert value["scopes"] == ["a", "orders:read"]
    assert abs(value["expires_at"] - time.time() - 90 * 86400) < 60
    assert (value["networks"], value["limit"]) == (["10.0.0.0/8"], "600/min")
    assert well_formed(value["secret"], "ak_live_")
    assert value["secret"] not in _everything(desk, value["id"])


def test_hmac_json_is_the_contracts(desk: Desk) -> None:
    value = desk.issued("hmac", "service:billing")
    assert value.keys() >= COMMON
    assert value["key_id"] == value["id"]
    assert value["id"].startswith("hk_live_")
    assert well_formed(value["secret"], "hs_live_")
    assert (value["profile"], value["expires_at"]) == ("v1", None)
    assert value["secret"] not in _everything(desk, value["id"])


def test_oauth_client_json_is_the_contracts(desk: Desk) -> None:
    value = desk.issued("oauth-client", "service:billing", "--grant", "client_credentials")
    assert value.keys() >= COMMON
    assert value["client_id"] == value["id"]
    assert value["client_secret"]
    assert value["grants"] == ["client_credentials"]
    assert value["client_secret"] not in _everything(desk, value["id"])


def test_client_cert_json_is_the_contracts(desk: Desk) -> None:
    value = desk.issued("client-cert", "service:billing")
    assert value.keys() >= COMMON
    assert value["certificate"].startswith("-----BEGIN CERTIFICATE-----")
    assert value["private_key"].startswith("-----BEGIN PRIVATE KEY-----")
    assert value["chain"].startswith("-----BEGIN CERTIFICATE-----")
    assert value["private_key"].splitlines()[1] not in _everything(desk, value["id"])


def test_client_cert_files_are_for_the_owner_alone(desk: Desk) -> None:
    value = desk.issued("client-cert", "service:billing", "--out", "tls")
    folder = desk.folder / "tls"
    assert sorted(path.name for path in folder.iterdir()) == ["cert.pem", "chain.pem", "key.pem"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert (folder / "key.pem").read_text().startswith("-----BEGIN PRIVATE KEY-----")
    assert value["private_key"] == "tls/key.pem"
    before = (folder / "key.pem").read_text()
    count = len(desk.done("list", "--json").lines)
    assert "exists already" in desk.wrong("issue", "client-cert", "--for", "service:billing", "--out", "tls")
    assert (folder / "key.pem").read_text() == before
    assert len(desk.done("list", "--json").lines) == count, "nothing is issued that could not be written"


def test_pem_is_printed_so_that_it_can_be_copied(desk: Desk) -> None:
    said = desk.done("issue", "client-cert", "--for", "service:billing")
    assert "\n-----BEGIN PRIVATE KEY-----\n" in said.out


def test_password_from_stdin_is_not_printed(desk: Desk) -> None:
    words = ("issue", "password", "--for", "user:alice", "--password-stdin", "--json")
    said = desk.done(*words, stdin="correct horse battery\n")
    assert "correct horse" not in said.out + said.err
    assert said.json["id"].startswith("pwd_")
    assert "password" not in said.json


def test_password_is_made_when_none_is_given(desk: Desk) -> None:
    value = desk.issued("password", "user:alice")
    assert len(value["password"]) > 20
    assert value["password"] not in _everything(desk, value["id"])


def test_test_credentials_are_marked(desk: Desk) -> None:
    assert desk.issued("api-key", "service:billing", "--test")["secret"].startswith("ak_test_")
    assert desk.issued("hmac", "service:billing", "--test")["key_id"].startswith("hk_test_")


def test_people_see_the_secret_once_and_are_told_so(desk: Desk) -> None:
    said = desk.done("issue", "api-key", "--for", "service:billing")
    assert said.out.count("ak_live_") == 1
    assert "not shown again" in said.err
    assert "It has no scopes" in said.err
    assert "ak_live_" not in said.err


def test_audit_names_who_issued(desk: Desk) -> None:
    id = desk.issued("api-key", "service:billing")["id"]
    event: dict[str, Any] = desk.done("audit", "--json", "--limit", "1").lines[0]
    assert (event["action"], event["credential"]) == ("issue", id)
    assert event["actor"].startswith("cli:")


@pytest.mark.parametrize(
    ("words", "what", "hint"),
    [
        (("api-kye", "--for", "service:billing"), "there is no kind 'api-kye'", "did you mean api-key?"),
        (("session", "--for", "service:billing"), "there is no kind 'session'", "one of: api-key"),
        (("api-key", "--for", "service:biling"), "there is no service:biling", "did you mean service:billing?"),
        (("api-key", "--for", "user:bob"), "there is no user:bob", "watchword user add bob"),
        (("api-key", "--for", "usr:alice"), "--for: unknown kind of subject 'usr' at position 1", "user:alice"),
        (("api-key", "--for", "alice"), "--for: 'alice' is not a subject", "user:NAME"),
        (("api-key", "--for", "user:alice", "--expires", "90x"), "position 3", "units are"),
        (("api-key", "--for", "user:alice", "--expires", "soon"), "position 1", "90d"),
        (("api-key", "--for", "user:alice", "--scope", 'a"b'), "position 2", "orders:read"),
        (("api-key", "--for", "user:alice", "--ip", "10.0.0.1/8"), "--ip", "did you mean 10.0.0.0/8?"),
        (("api-key", "--for", "user:alice", "--limit", "600/mon"), "position 5", "did you mean m"),
        (("api-key", "--for", "user:alice", "--limit", "often"), "--limit: 'often' is not a rate", "600/min"),
        (("api-key", "--for", "user:alice", "--public"), "--public is for oauth-client, not for api-key", "--test"),
        (("hmac", "--for", "user:alice", "--profile", "v2"), "no signing profile 'v2'", "v1"),
        (("oauth-client", "--for", "user:alice", "--grant", "client_credential"), "no grant", "client_credentials?"),
        (("oauth-client", "--for", "user:alice", "--grant", "authorization_code"), "needs a redirect URI", "https://"),
        (("oauth-client", "--for", "user:alice", "--public"), "exclude each other", "authorization_code"),
        (("api-key",), "--for is missing", "such as: watchword issue api-key"),
        ((), "KIND is missing", "such as: watchword issue"),
        (("api-key", "--for", "user:alice", "--exprise", "1d"), "no option --exprise", "did you mean --expires?"),
        (("client-cert", "--for", "user:alice", "--expires", "30000d"), "must end after now", "--expires"),
    ],
)
def test_mistakes_name_the_place_and_the_nearest_word(desk: Desk, words: tuple[str, ...], what: str, hint: str) -> None:
    said = desk.wrong("issue", *words)
    assert what in said
    assert hint in said


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example/cb",
        "https://app.example/cb#",
        "https://u:p@app.example/cb",
        "/cb",
        "https:/\\evil",
        "https:///cb",
        "javascript:alert(1)//",
        "data:text/html,x",
        "https://аpp.example/cb",
    ],
)
def test_redirect_uris_that_leak_codes_are_refused(desk: Desk, uri: str) -> None:
    assert "--redirect-uri" in desk.wrong("issue", "oauth-client", "--for", "user:alice", "--redirect-uri", uri)


def test_loopback_redirect_of_a_native_app_is_accepted(desk: Desk) -> None:
    uri = "http://127.0.0.1/cb"
    value = desk.issued("oauth-client", "user:alice", "--public", "--redirect-uri", uri)
    assert (value["redirect_uris"], value["public"]) == ([uri], True)
    assert "client_secret" not in value
    own = desk.issued("oauth-client", "user:alice", "--public", "--redirect-uri", "com.example.app:/cb")
    assert own["redirect_uris"] == ["com.example.app:/cb"]


def test_an_application_of_the_operators_own_says_so(desk: Desk) -> None:
    uri = ("--redirect-uri", "https://app.example/cb")
    assert desk.issued("oauth-client", "user:alice", "--first-party", *uri)["first_party"] is True
    assert desk.issued("oauth-client", "user:alice", *uri)["first_party"] is False
    assert "oauth-client" in desk.wrong("issue", "api-key", "--for", "user:alice", "--first-party")


def test_a_disabled_subject_gets_nothing(desk: Desk) -> None:
    desk.done("user", "disable", "alice")
    assert "is disabled" in desk.wrong("issue", "api-key", "--for", "user:alice")


def test_a_second_password_is_a_rotation(desk: Desk) -> None:
    desk.issued("password", "user:alice")
    assert "watchword rotate pwd_" in desk.wrong("issue", "password", "--for", "user:alice")


def test_out_that_cannot_be_made_is_said_before_anything_is_issued(desk: Desk, tmp_path: Path) -> None:
    (desk.folder / "f").write_text("")
    assert "--out" in desk.wrong("issue", "client-cert", "--for", "service:billing", "--out", "f/tls")
    assert desk.done("list", "--kind", "client-cert", "--json").lines == []
