"""What people read of applications and of what they want."""

from __future__ import annotations

from typing import Any

from watchword.lifecycle.oauth.rules import OAuthRules, Resource
from watchword.model.credential import Credential, Kind
from watchword.server.oauth.words import app_face, detail_rows, resource_names, scope_rows

RULES = OAuthRules(
    resources=(Resource("https://api.example", "Orders"),),
    scopes={"orders:read": {"en": "See your orders", "de": "Ihre Bestellungen sehen"}},
    details={"payment": {"en": "Pay once", "de": "Einmal zahlen"}},
)


def client(**detail: Any) -> Credential:
    return Credential("cli_x", Kind.OAUTH_CLIENT, "service:app", 1, detail={"client_id": "cli_x", **detail})


def test_scopes_in_words_those_of_openid_first() -> None:
    rows = scope_rows(RULES, {"zeta", "orders:read", "email", "openid"}, "en")
    assert [row["text"] for row in rows] == [
        "Know who you are",
        "See your email address",
        "See your orders",
        "Use “zeta”",
    ]
    assert [row["required"] for row in rows] == [True, False, False, False]
    assert scope_rows(RULES, {"orders:read", "profile"}, "de")[1]["text"] == "Ihre Bestellungen sehen"
    assert scope_rows(RULES, {"profile"}, "de")[0]["text"] == "Ihren Namen und Ihre Sprache sehen"


def test_the_operators_words_win() -> None:
    rules = OAuthRules(scopes={"email": {"en": "Write to you"}})
    assert scope_rows(rules, {"email"}, "de")[0]["text"] == "Write to you"


def test_resources_by_name() -> None:
    assert resource_names(RULES, ("https://api.example", "https://b.example")) == ["Orders", "https://b.example"]


def test_single_acts() -> None:
    payment = {
        "type": "payment",
        "amount": {"value": "1.00", "currency": "EUR"},
        "actions": ["pay"],
        "n": 1,
        "x": "y" * 999,
    }
    (row,) = detail_rows(RULES, (payment,), "de")
    assert row["text"] == "Einmal zahlen"
    assert row["members"][:3] == [("amount", "value: 1.00, currency: EUR"), ("actions", "pay"), ("n", "1")]
    assert row["members"][3] == ("x", "y" * 999)  # whole: it is agreed to
    assert detail_rows(OAuthRules(), ({"type": "other"},), "en")[0]["text"] == "other"


def test_must_21_the_host_of_a_document_and_of_the_answer_are_shown() -> None:
    face = app_face(
        client(
            client_id="https://app.example:8443/client.json", source="document", client_uri="https://www.app.example/x"
        ),
        "https://cb.example/back",
    )
    assert (face["document"], face["maker"], face["goes"]) == ("app.example:8443", "www.app.example", "cb.example")
    assert app_face(client(), "http://127.0.0.1:1/cb")["goes"] == ""
    assert app_face(client(), "com.example.app:/cb")["goes"] == ""


def test_no_userinfo_hides_a_host_and_no_script_is_a_link() -> None:
    face = app_face(
        client(client_uri="https://bank.example@evil.example/", tos_uri="javascript:alert(1)"), "https://a/"
    )
    assert face["maker"] == "evil.example"
    assert face["terms"] == []
    assert app_face(client(policy_uri="https://app.example/privacy"), "")["terms"] == [
        ("policy_uri", "https://app.example/privacy")
    ]
    assert app_face(client(client_uri="https://[x"), "")["maker"] == ""
    assert len(app_face(client(client_name="n" * 999), "")["name"]) == 80
