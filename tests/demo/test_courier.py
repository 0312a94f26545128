"""The courier carries requests exactly as they are."""

from __future__ import annotations

from dataclasses import replace

import httpx2
import pytest

from watchword.client import ApiKeyAuth
from watchword.demo.courier import Answer, Courier, Sent
from watchword.demo.stage import Stage

ORDERS = Sent("GET", "/orders")


def test_a_field_is_replaced_added_and_left_out() -> None:
    sent = replace(ORDERS, headers=(("Authorization", "Bearer a"), ("x", "1")))
    assert sent.with_field("authorization", "Bearer b").token == "b"
    assert sent.with_field("y", "2").field("Y") == "2"
    assert sent.with_field("AUTHORIZATION", None).headers == (("x", "1"),)
    assert sent.field("nothing") == ""


def test_no_secret_is_in_a_repr() -> None:
    sent = replace(ORDERS, headers=(("authorization", "Bearer hush"),), body=b"hush")
    assert "hush" not in repr(sent)
    assert "hush" not in repr(Answer(200, sent, body=b"hush", cookies=("hush",)))


def test_an_answer_without_json_has_no_reference() -> None:
    assert Answer(500, ORDERS, body=b"<html>").reference == ""
    assert Answer(500, ORDERS, body=b"[1]").json() == {}
    assert Answer(401, ORDERS, body=b'{"reference":"ab"}').reference == "ab"


def test_prepared_is_not_sent(stage: Stage, courier: Courier) -> None:
    key = stage.seeds.keys["billing"]
    prepared = courier.prepare(ORDERS, ApiKeyAuth(key))
    assert prepared.token == key
    assert courier.send(prepared).status == 200
    twice = replace(prepared, headers=(*prepared.headers, ("authorization", f"Bearer {key}")))
    assert courier.send(twice).status == 400


def test_no_cookie_is_kept_between_requests(courier: Courier) -> None:
    assert courier.send(Sent("GET", "/login")).cookies
    assert courier.send(Sent("GET", "/login")).sent.field("cookie") == ""
    assert courier.send(ORDERS).status == 401


def test_a_lost_connection_is_a_verdict_of_tls_only_where_a_certificate_was_shown(stage: Stage) -> None:
    with Courier("https://127.0.0.1:1", stage.folder) as nowhere:
        with pytest.raises(httpx2.ConnectError):
            nowhere.send(ORDERS)
        assert nowhere.send(replace(ORDERS, certificate="stranger")).status == 0
