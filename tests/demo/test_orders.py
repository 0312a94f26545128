"""The sample API is guarded by its routes, and by nothing else."""

from __future__ import annotations

from watchword.client import ApiKeyAuth
from watchword.demo.courier import Courier, Sent
from watchword.demo.orders import PLACES
from watchword.demo.stage import Stage


def test_the_public_place_needs_nothing_and_all_others_do(courier: Courier) -> None:
    assert courier.send(Sent("GET", "/catalogue")).status == 200
    for place in set(PLACES) - {"/catalogue", "/transfers"}:
        assert courier.send(Sent("GET", place)).status in (401, 403), place
    assert courier.send(Sent("POST", "/transfers")).status == 401


def test_a_place_that_no_route_names_is_refused(courier: Courier) -> None:
    assert courier.send(Sent("GET", "/orders/17/lines")).status == 403
    assert courier.send(Sent("DELETE", "/orders")).status == 403


def test_what_is_not_the_sample_api_is_the_server(courier: Courier) -> None:
    assert courier.send(Sent("GET", "/healthz")).status == 200
    assert courier.send(Sent("GET", "/whoami")).status == 401


def test_orders(stage: Stage, courier: Courier) -> None:
    auth = ApiKeyAuth(stage.seeds.keys["billing"])
    assert courier.send(Sent("GET", "/orders/17"), auth).json()["item"] == "green tea"
    assert courier.send(Sent("GET", "/orders/99"), auth).status == 404
    for body, kind in ((b'{"item":"tea"}', "application/json"), (b"item=tea", "application/x-www-form-urlencoded")):
        answer = courier.send(Sent("POST", "/orders", (("content-type", kind),), body), auth)
        assert (answer.status, answer.json()["accepted"]) == (201, {"item": "tea"})
        assert answer.body.endswith(b"\n")
