"""A person at a real Chromium, with an authenticator that is none, who looks closely at every page."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from tests.server.account.town import Town
from watchword.codec.otp import Totp

__all__ = ["PASSWORD", "Clock", "Person"]

PASSWORD = "four horses eat the long grass"

DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
LOOKS = (("light", DESKTOP), ("dark", PHONE))  # contrast does not depend on the width, nor width on the colours
SERIOUS = ("serious", "critical")
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}
WATCH = "document.addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective))"


class Clock:
    """Run with the machine's clock, ahead of it by some seconds."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead


class Person:
    """Hold a page of a browser of its own. ``troubles`` is what went wrong that no test asked about."""

    def __init__(self, browser: Any, town: Town, clock: Clock, **options: Any) -> None:
        self.url = f"http://localhost:{town.port}"
        self.clock = clock
        self.troubles: list[str] = []
        self.seen: set[str] = set()
        self.context = browser.new_context(viewport=DESKTOP, reduced_motion="reduce", **options)
        self.context.add_init_script(WATCH)
        self.page = self.context.new_page()
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.troubles.append(f"script: {error}"))

    def _said(self, message: Any) -> None:
        if message.type in ("error", "warning") and "status of 4" not in message.text:
            self.troubles.append(f"{self.page.url}: {message.text}")

    def authenticator(self) -> Any:
        """Give the browser an authenticator that knows its user."""
        session = self.context.new_cdp_session(self.page)
        session.send("WebAuthn.enable")
        session.send("WebAuthn.addVirtualAuthenticator", {"options": AUTHENTICATOR})
        return session

    def go(self, path: str, *, look: bool = True) -> None:
        """Open a page and look at it."""
        self.page.goto(self.url + path)
        if look:
            self.look()

    def press(self, name: str, *, within: str = "main") -> None:
        """Press a button or a link by what it is called, and wait for the page that follows."""
        place = self.page.locator(within)
        wanted = place.get_by_role("button", name=name, exact=True).or_(
            place.get_by_role("link", name=name, exact=True)
        )
        with self.page.expect_navigation():
            wanted.click()

    def fill(self, **fields: str) -> None:
        """Fill in fields by their labels, blanks written as underscores."""
        for label, value in fields.items():
            self.page.get_by_label(label.replace("_", " "), exact=True).fill(value)

    def heading(self) -> str:
        return str(self.page.locator("h1").inner_text())

    def path(self) -> str:
        return str(self.page.url).removeprefix(self.url).partition("?")[0]

    def cookie(self, name: str) -> str:
        return next((each["value"] for each in self.context.cookies() if each["name"] == name), "")

    def code(self, secret: str) -> str:
        return Totp(secret.replace(" ", "")).code(int(self.clock()) // 30)

    def look(self, name: str = "") -> None:
        """Look at the page by day and by night, at a desk and on a phone, once."""
        from axe_playwright_python.sync_playwright import Axe

        name = name or f"{self.path().strip('/').replace('/', '-') or 'home'} {self.heading()}"
        if name in self.seen:
            return
        self.seen.add(name)
        for color, size in LOOKS:
            self.page.emulate_media(color_scheme=color)
            self.page.set_viewport_size(size)
            self._shoot(f"{name} {color} {size['width']}")
            wide = self.page.evaluate("document.documentElement.scrollWidth")
            if wide > size["width"]:
                self.troubles.append(f"{name}: {wide} px wide on {size['width']}")
            for each in Axe().run(self.page).response["violations"]:
                if each["impact"] in SERIOUS:
                    nodes = [node["html"][:160] for node in each["nodes"]]
                    self.troubles.append(f"{name} ({color}, {size['width']}): {each['id']} {nodes}")
        self.page.emulate_media(color_scheme="light")
        self.page.set_viewport_size(DESKTOP)

    def _shoot(self, name: str) -> None:
        folder = os.environ.get("SHOTS")
        if folder:
            self.page.screenshot(path=Path(folder) / f"{name}.png".replace(" ", "_"), full_page=True)

    def close(self) -> None:
        self.context.close()
