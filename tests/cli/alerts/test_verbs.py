"""``watchword alerts``: list, show, acknowledge, rules, test."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.cli.desk import Desk
from watchword.cli.plumbing.house import actor
from watchword.lifecycle.operations.alerts import RULES


@pytest.fixture
def alert(desk: Desk) -> dict[str, Any]:
    """Return an alert: of a credential that was reported leaked."""
    import asyncio

    from watchword.server.config.load import load, watchword_of

    id = desk.issued("api-key", "service:billing")["id"]

    async def work() -> None:
        house = watchword_of(load(desk.folder / "watchword.toml"), workers=1)
        await house.start()
        await house.operations.alerts.say("leaked", id, credential=id, subject="service:billing", detail={"kind": "x"})
        await house.stop()

    asyncio.run(work())
    (found,) = desk.done("alerts", "list", "--json").lines
    assert isinstance(found, dict)
    return found


def test_an_alert_is_listed_shown_and_acknowledged(desk: Desk, alert: dict[str, Any]) -> None:
    id = alert["id"]
    assert (alert["rule"], alert["severity"], alert["subject"]) == ("leaked", "high", "service:billing")
    shown = desk.done("alerts", "show", id)
    assert "a credential was found leaked" in shown.out
    assert "what to do" in shown.err
    assert id in desk.done("alerts", "list").out
    done = desk.done("alerts", "acknowledge", id, "--json").json
    assert done["acknowledged_by"] == actor()
    assert desk.done("alerts", "list", "--json").lines == []
    assert [each["id"] for each in desk.done("alerts", "list", "--all", "--json").lines] == [id]
    (event,) = desk.done("audit", "--json", "--action", "acknowledge").lines
    assert event["actor"] == actor()


def test_an_unknown_alert_is_said(desk: Desk) -> None:
    assert "there is no alert 'alr_x'" in desk.wrong("alerts", "show", "alr_x")


def test_rules_are_listed_as_the_settings_have_them(desk: Desk) -> None:
    with (desk.folder / "watchword.toml").open("a") as file:
        file.write('\n[[alert]]\nrule = "refusals"\ncount = 7\n\n[[alert]]\nrule = "replays"\non = false\n')
    found = {each["id"]: each for each in desk.done("alerts", "rules", "--json").lines}
    assert found.keys() == RULES.keys() - {"test"}
    assert (found["refusals"]["count"], found["replays"]["on"]) == (7, False)
    assert "replays" in desk.done("alerts", "rules").out


@pytest.mark.parametrize(
    ("toml", "what"),
    [
        ('[[alert]]\nrule = "refusal"', "did you mean refusals?"),
        ('[alerts]\nwebhook = "https://hooks.example/x"', "webhook_key is missing"),
        ('[alerts]\nwebhook = "http://hooks.example/x"\nwebhook_key = "hk_live_x"', "must start with https://"),
        ('[alerts]\nemail = ["ops"]', "no address"),
        ('[audit.syslog]\naddress = "file:///x"', "no place for syslog"),
        ('[audit]\nkeep = "1h"', "a day at least"),
        ('[audit]\ncheckpoint = "1s"', "ten seconds at least"),
    ],
)
def test_settings_that_cannot_be_are_named(desk: Desk, toml: str, what: str) -> None:
    with (desk.folder / "watchword.toml").open("a") as file:
        file.write(f"\n{toml}\n")
    assert what in desk.wrong("alerts", "rules")


def test_nobody_to_tell_is_said(desk: Desk) -> None:
    assert "nobody is told" in desk.wrong("alerts", "test")


def test_a_test_is_sent_at_once_and_says_what_came_of_it(desk: Desk) -> None:
    got: list[tuple[dict[str, str], bytes]] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append((dict(self.headers.items()), body))
            self.send_response(204 if len(got) == 1 else 500)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        key = desk.issued("hmac", "service:billing")
        with (desk.folder / "watchword.toml").open("a") as file:
            url = f"http://127.0.0.1:{server.server_port}/alerts"
            file.write(f'\n[alerts]\nwebhook = "{url}"\nwebhook_key = "{key["key_id"]}"\n')
        assert desk.done("alerts", "test", "--json").json == {"webhook": {"told": True, "error": ""}}
        assert json.loads(got[0][1])["rule"] == "test"
        failed = desk.run("alerts", "test", "--json")
        assert (failed.code, failed.json) == (1, {"webhook": {"told": False, "error": "it answered 500"}})
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
