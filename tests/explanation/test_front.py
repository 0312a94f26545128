"""What stands before the routes: nothing in an application, in a server what gateways ask."""

from __future__ import annotations

from tests.explanation.house import issued, playing, signed
from watchword.app import Watchword
from watchword.explanation import Front, Question, explained
from watchword.model.credential import Kind
from watchword.routes import Rule

RULES = [Rule("/orders/{id}", "hmac"), Rule("/open", "public")]


def _unread(method: str, target: bytes, host: bytes) -> str:
    assert (method, host) == ("GET", b"127.0.0.1:8000")
    return "odd" if target == b"/open?odd" else ""


def test_a_signature_over_content_that_nobody_sees_is_not_said_to_be_accepted() -> None:
    """In an application the same request is let in: there the content is read."""

    async def work(house: Watchword) -> None:
        fields = signed(house, await issued(house, Kind.HMAC), "POST", "/orders/7", b"{}")
        asked = {"method": "POST", "url": "http://127.0.0.1:8000/orders/7", "body": "{}"}
        question = Question.of({**asked, "headers": [list(each) for each in fields]})
        assert (await explained(house, question)).accepted
        there = await explained(house, question, Front(unread=lambda *_: ""))
        assert there.outcome.reason == "body_unseen"
        assert there.notes == ('a gateway asks without the content: signatures need body = "upstream" on the route',)
        assert there.signature is not None
        assert there.signature.right

    playing(RULES, work)


def test_what_is_not_even_read_is_told_with_why() -> None:
    async def work(house: Watchword) -> None:
        front = Front([Rule("/own", "public")], _unread)
        for path, told in (("/open", "200 "), ("/open?odd", "400 malformed_request"), ("/own", "200 ")):
            outcome = (await explained(house, Question.of({"url": f"http://127.0.0.1:8000{path}"}), front)).outcome
            assert f"{outcome.status} {outcome.reason}" == told

    playing(RULES, work)
