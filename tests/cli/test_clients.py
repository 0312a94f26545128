"""``watchword client``: added, changed, disabled, enabled, given new secrets; mistakes name the option."""

from __future__ import annotations

import json
import time
from base64 import b64encode
from typing import Any

import pytest

from tests.certificates import make
from tests.cli.desk import Desk
from watchword.codec.jose import SigningKey

CALLBACK = "https://shop.example/cb"


def _added(desk: Desk, *words: str) -> Any:
    return desk.done("client", "add", "shop", "--json", *words).json


def test_a_client_is_added_with_the_service_that_it_is(desk: Desk) -> None:
    value = _added(desk, "--redirect-uri", CALLBACK, "--scope", "a", "--name", "The shop", "--access-lifetime", "5m")
    assert value["client_id"].startswith("cli_")
    assert value["client_secret"].startswith("cs_live_")
    assert (value["subject"], value["client_name"], value["state"]) == ("service:shop", "The shop", "active")
    assert (value["grants"], value["redirect_uris"]) == (["authorization_code", "refresh_token"], [CALLBACK])
    assert (value["access_lifetime"], value["scopes"]) == (300, ["a"])
    assert desk.done("client", "show", value["client_id"], "--json").json["client_name"] == "The shop"
    everything = "".join(
        desk.done(*words).out
        for words in (("client", "list"), ("client", "show", value["client_id"]), ("audit", "--json"), ("list",))
    )
    assert value["client_secret"] not in everything


def test_people_see_the_secret_once(desk: Desk) -> None:
    said = desk.done("client", "add", "shop")
    assert said.out.count("cs_live_") == 1
    assert "not shown again" in said.err
    assert "It has no scopes" in said.err


def test_issue_and_client_make_the_same_thing(desk: Desk) -> None:
    issued = desk.issued("oauth-client", "service:billing", "--redirect-uri", CALLBACK)
    shown = desk.done("client", "show", issued["client_id"], "--json").json
    assert (shown["grants"], shown["redirect_uris"]) == (issued["grants"], [CALLBACK])


def test_keys_come_from_a_file(desk: Desk) -> None:
    key = SigningKey.generate().public_jwk()
    (desk.folder / "keys.json").write_text(json.dumps({"keys": [key]}))
    (desk.folder / "key.json").write_text(json.dumps(key))
    for name in ("keys.json", "key.json"):
        value = _added(desk, "--auth-method", "private_key_jwt", "--jwks", name)
        assert "client_secret" not in value
        assert value["jwks"] == {"keys": [key]}
    assert key["kid"] in desk.done("client", "show", value["client_id"]).out


def test_certificates_are_keys_too(desk: Desk) -> None:
    made = make(common="billing", now=time.time())
    (desk.folder / "own.pem").write_bytes(made.pem + made.key_pem)  # the private key is left where it is
    value = _added(desk, "--auth-method", "self_signed_tls_client_auth", "--jwks", "own.pem")
    (key,) = value["jwks"]["keys"]
    assert (key["alg"], key["x5c"]) == ("ES256", [b64encode(made.der).decode()])
    assert "d" not in key
    assert key["kid"] in desk.done("client", "show", value["client_id"]).out
    method = ("--auth-method", "self_signed_tls_client_auth")
    said = desk.done("client", "add", "shop", *method, "--jwks", "own.pem")
    assert "lets its certificate through" not in said.err
    elsewhere = ("--unset", "jwks", "--jwks-uri", "https://shop.example/keys")
    said = desk.done("client", "set", value["client_id"], *elsewhere)
    assert "lets its certificate through only when --jwks" in said.err
    (desk.folder / "key.json").write_text(json.dumps({**key, "x5c": None}))
    assert "x5c" in desk.wrong("client", "add", "shop", *method, "--jwks", "key.json")
    del key["x5c"]
    (desk.folder / "key.json").write_text(json.dumps(key))
    assert "lets its certificate through only" in desk.done("client", "add", "shop", *method, "--jwks", "key.json").err
    (desk.folder / "own.pem").write_bytes(made.key_pem)
    wrong = desk.wrong("client", "add", "shop", *method, "--jwks", "own.pem")
    assert "--jwks: own.pem: there is no certificate in PEM" in wrong


def test_a_change_keeps_the_rest_and_replaces_lists(desk: Desk) -> None:
    id = _added(desk, "--redirect-uri", CALLBACK, "--scope", "a", "--limit", "5/min")["client_id"]
    said = desk.done("client", "set", id, "--redirect-uri", CALLBACK + "2", "--first-party", "--token-format", "opaque")
    assert CALLBACK + "2" in said.out
    value = desk.done("client", "set", id, "--scope", "b", "--unset", "limit", "--no-first-party", "--json").json
    assert (value["redirect_uris"], value["token_format"]) == ([CALLBACK + "2"], "opaque")
    assert (value["scopes"], value["limit"], value["first_party"]) == (["b"], None, False)
    value = desk.done("client", "set", id, "--unset", "token-format", "--unset", "scopes", "--json").json
    assert ("token_format" in value, value["scopes"]) == (False, [])
    events = [event for event in desk.done("audit", "--json").lines if event["action"] == "change"]
    assert [event["detail"] for event in events] == [
        "first_party, redirect_uris, token_format",
        "first_party, limit, scopes",
        "scopes, token_format",
    ]


def test_disabled_and_enabled_again(desk: Desk) -> None:
    id = _added(desk)["client_id"]
    assert f"{id} is disabled" in desk.done("client", "disable", id).out
    assert [each["state"] for each in desk.done("client", "list", "--json").lines] == ["disabled"]
    assert desk.done("client", "list", "--state", "active", "--json").lines == []
    assert "is disabled" in desk.wrong("client", "rotate", id)
    assert f"{id} is enabled" in desk.done("client", "enable", id).out
    assert desk.done("client", "show", id, "--json").json["state"] == "active"


def test_a_new_secret_beside_the_one_before(desk: Desk) -> None:
    first = _added(desk)
    second = desk.done("client", "rotate", first["client_id"], "--overlap", "1h", "--json").json
    assert second["client_id"] == first["client_id"]
    assert second["client_secret"] != first["client_secret"]
    assert [secret["state"] for secret in second["secrets"]] == ["retiring", "active"]
    assert len(desk.done("client", "list", "--json").lines) == 1
    said = desk.done("client", "show", first["client_id"]).out
    assert said.count("secret of") == 2


def test_revoked_is_the_whole_client_whichever_secrets_followed(desk: Desk) -> None:
    id = _added(desk)["client_id"]
    secrets = [desk.done("client", "rotate", id, "--overlap", "1h", "--json").json["secrets"] for _ in range(2)][-1]
    said = desk.done("revoke", id, "--reason", "it is gone").out
    assert f"{id} is revoked" in said
    assert "since before" not in said
    value = desk.done("client", "show", id, "--json").json
    assert (value["state"], value["secrets"]) == ("revoked", [])
    assert "is revoked" in desk.wrong("client", "enable", id)
    assert "since before" in desk.done("revoke", id, "--reason", "again").out
    assert len(secrets) == 3


def test_exchange_rules_are_put_together(desk: Desk) -> None:
    value = _added(desk, "--grant", "token-exchange", "--impersonate", "--exchange-audience", "https://chat.example=me")
    assert value["exchange"] == {"impersonate": True, "audiences": {"https://chat.example": "me"}}
    assert value["grants"] == ["urn:ietf:params:oauth:grant-type:token-exchange"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--grant", "pasword"), "--grant: there is no grant 'pasword'"),
        (("--grant", "authorization_code"), "--redirect-uri: the grant authorization_code needs a redirect URI"),
        (("--redirect-uri", "http://shop.example/cb"), "--redirect-uri:"),
        (("--redirect-uri", "javascript:alert(1)"), "--redirect-uri:"),
        (("--public",), "--grant: public and the grant client_credentials exclude each other"),
        (("--auth-method", "private_key_jwt"), "--jwks: private_key_jwt needs the client's public keys"),
        (("--auth-method", "private-key-jwt"), "did you mean private_key_jwt?"),
        (("--jwks", "nothing.json"), "--jwks: nothing.json: No such file"),
        (("--jwks", "watchword.toml"), "--jwks: watchword.toml is no JWK Set"),
        (("--audience", "orders"), "--audience:"),
        (("--access-lifetime", "3d"), "--access-lifetime: it must be 1 to 172800 seconds"),
        (("--access-lifetime", "5"), "--access-lifetime: '5' is not a duration"),
        (("--token-format", "jwe"), "--token-format: there is no 'jwe' here"),
        (("--scope", 'a"b'), "--scope: bad character"),
        (("--ip", "10.0.0.1/8"), "did you mean 10.0.0.0/8?"),
        (("--limit", "many"), "--limit: 'many' is not a rate"),
        (("--exchange-audience", "https://chat.example"), "--exchange-audience: write ISSUER=CLIENT_ID"),
        (("--backchannel-logout-uri", "http://shop.example/out"), "--backchannel-logout-uri:"),
    ],
    ids=str,
)
def test_a_mistake_names_its_option_and_leaves_nothing_behind(desk: Desk, words: tuple[str, ...], said: str) -> None:
    assert said in desk.wrong("client", "add", "shop", *words)
    assert desk.done("client", "list", "--json").lines == []


def test_what_the_configuration_does_not_know_yet_is_told(desk: Desk) -> None:
    api, known = "https://orders.example", "http://127.0.0.1:8000"
    words = ("--audience", api, "--audience", known, "--authorization-details-type", "payment")
    said = desk.done("client", "add", "shop", *words)
    assert f"no [[resource]] names {api} yet: no token is for it" in said.err
    assert known not in said.err
    assert "[oauth.authorization_details] has no words for payment yet" in said.err
    (value,) = desk.done("client", "list", "--json").lines
    assert api in desk.done("client", "set", value["client_id"], "--stands-for", api).err
    file = desk.folder / "watchword.toml"
    file.write_text(f'{file.read_text()}\n[[resource]]\nuri = "{api}"\n')
    assert api not in desk.done("client", "set", value["client_id"], "--stands-for", api).err


def test_a_private_key_is_refused_and_not_repeated(desk: Desk) -> None:
    key = {**SigningKey.generate().public_jwk(), "d": "c2VjcmV0LXNlY3JldC1zZWNyZXQ"}
    (desk.folder / "key.json").write_text(json.dumps(key))
    said = desk.wrong("client", "add", "shop", "--auth-method", "private_key_jwt", "--jwks", "key.json")
    assert "public keys alone" in said
    assert key["d"] not in said


def test_an_unknown_client_names_the_nearest(desk: Desk) -> None:
    id = _added(desk)["client_id"]
    assert f"did you mean {id}?" in desk.wrong("client", "show", id[:-1] + "_")
    assert f"did you mean {id}?" in desk.wrong("client", "show", "shop")
    key = desk.issued("api-key", "service:billing")["id"]
    assert "there is no client" in desk.wrong("client", "disable", key)


def test_nothing_to_change_and_nothing_to_take_away(desk: Desk) -> None:
    id = _added(desk)["client_id"]
    assert "say what is to change" in desk.wrong("client", "set", id)
    assert "did you mean client_name?" in desk.wrong("client", "set", id, "--unset", "client-nmae")
    assert "--redirect-uri" in desk.wrong("client", "set", id, "--grant", "authorization_code")
    assert "did you mean disabled?" in desk.wrong("client", "list", "--state", "disable")


def test_a_registration_token_is_an_api_key_with_an_end(desk: Desk) -> None:
    value = desk.done("client", "registration-token", "--limit", "5/h", "--json").json
    assert value["secret"].startswith("ak_live_")
    assert (value["scopes"], value["limit"]) == (["clients:register"], "5/h")
    assert 86_000 < value["expires_at"] - value["created_at"] <= 86_400
