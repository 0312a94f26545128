"""A device asks a person in a real browser: every page in every look, by keyboard alone, in German; and strangers."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.person import Person
from tests.browser.test_people import sign_in, sign_up
from tests.server.account.town import Town
from watchword.lifecycle.oauth.grants.device import DEVICE_GRANT
from watchword.model.credential import Kind
from watchword.model.verdict import Principal

pytestmark = pytest.mark.processes

NAME = "Wohnzimmerfernsehgerätefernbedienung von nebenan"
AGENT = {"user-agent": "SetTopBox/4.2 (Linux; armv7l) Player/12"}


class Device:
    """Hold a client that has no browser."""

    def __init__(self, town: Town, **options: Any) -> None:
        town.service("tv")
        given = {"grants": [DEVICE_GRANT], "public": True, "client_name": NAME, **options}
        self.id = town.issue(Kind.OAUTH_CLIENT, "service:tv", scopes=("orders:read",), options=given).material[
            "client_id"
        ]
        self.town = town

    def begin(self) -> dict[str, str]:
        with self.town.client(headers=AGENT) as http:
            form = {"client_id": self.id, "scope": "openid email orders:read"}
            given: dict[str, str] = http.post("/oauth/device", data=form).json()
            return given

    def poll(self, device_code: str) -> dict[str, str]:
        with self.town.client() as http:
            form = {"client_id": self.id, "grant_type": DEVICE_GRANT, "device_code": device_code}
            given: dict[str, str] = http.post("/oauth/token", data=form).json()
            return given


def test_connected_by_keyboard_alone(person: Person, town: Town) -> None:
    device = Device(town)
    begun = device.begin()
    sign_up(person, town)
    person.go(begun["verification_uri_complete"].removeprefix(person.url), look=False)
    assert person.path() == "/login"
    person.fill(User_name_or_email_address="alice", Password="four horses eat the long grass")
    person.press("Sign in")
    assert person.heading() == "Connect a device"
    person.look("device with a code from a link")
    assert person.page.get_by_label("Code on your device").input_value() == begun["user_code"]
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")  # the field has the focus
    assert person.heading() == f"Connect {NAME}?"
    person.look("device to be confirmed")
    text = person.page.locator("main").inner_text()
    assert begun["user_code"] in text
    assert "on a device in front of you" in text
    person.page.get_by_label("See your email address").focus()
    person.page.keyboard.press("Space")  # unticked
    person.page.get_by_role("button", name="Connect", exact=True).focus()
    with person.page.expect_navigation():
        person.page.keyboard.press("Enter")
    assert person.heading() == "Connected"
    person.look("device connected")
    assert device.poll(begun["device_code"])["scope"] == "openid orders:read"
    person.go("/account/apps", look=False)
    assert NAME in person.page.locator("main").inner_text()


def test_denied_in_german_after_a_slip(person: Person, town: Town) -> None:
    device = Device(town)
    begun = device.begin()
    sign_up(person, town)
    sign_in(person)
    person.go("/account/profile", look=False)
    person.page.get_by_label("Language").select_option("de")
    person.press("Save")
    person.go("/device")
    for slip in ("WDJA-MJHT", "BBBB-BBBB"):
        person.page.get_by_label("Code auf Ihrem Gerät").fill(slip)
        person.press("Weiter")
        assert person.page.locator("[aria-invalid]").count() == 1
        person.look(f"device with {slip}")
    person.page.get_by_label("Code auf Ihrem Gerät").fill(begun["user_code"].lower())
    person.press("Weiter")
    person.look("device to be confirmed in German")
    person.press("Nicht verbinden")
    assert person.heading() == "Nicht verbunden"
    person.look("device not connected")
    assert device.poll(begun["device_code"]) == {"error": "access_denied"}


def test_must_18_a_code_that_somebody_else_opened(person: Person, town: Town) -> None:
    device = Device(town)
    begun = device.begin()
    sign_up(person, town)
    sign_in(person)
    stranger = town.watchword.oauth.devices
    session = town.issue(Kind.SESSION, "user:alice").credential
    town.do(town.watchword.lifecycle.add_subject("user:mallory", by="t"))
    town.do(stranger.open(begun["user_code"], Principal("user:mallory", "session", session.id)))
    person.go("/device", look=False)
    person.fill(Code_on_your_device=begun["user_code"])
    person.press("Continue")
    assert person.heading() == "Connect a device"
    assert "not known" in person.page.locator("main").inner_text()
    assert device.poll(begun["device_code"]) == {"error": "authorization_pending"}
