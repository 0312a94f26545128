"""Say for each scheme what speaks for it, what against it, and where it is at home."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

__all__ = ["TRADE_OFFS", "TradeOffs"]


@dataclass(frozen=True, slots=True)
class TradeOffs:
    """Hold both sides of a scheme."""

    title: str
    pros: tuple[str, ...]
    cons: tuple[str, ...]
    at_home: str

    def value(self) -> dict[str, Any]:
        """Return both sides as JSON."""
        return {"title": self.title, "pros": list(self.pros), "cons": list(self.cons), "at_home": self.at_home}


TRADE_OFFS: Final[Mapping[str, TradeOffs]] = MappingProxyType(
    {
        "api-key": TradeOffs(
            "API key",
            ("One header: trivial to build and to use.", "Easy to hand out, to rotate with an overlap, to revoke."),
            (
                "The key is the credential: who finds it has everything that it allows, until it is revoked.",
                "It proves that somebody has the key, not who that is.",
            ),
            "Between servers where little or something is at stake, and most public APIs.",
        ),
        "basic": TradeOffs(
            "Basic",
            ("Supported by everything there is.", "Nothing to keep on the calling side but a name and a password."),
            (
                "The password is in every request: without TLS it is everybody's.",
                "A password is hard to replace without a moment that both sides agree on; here two work for a while.",
            ),
            "Internal tools, old systems, and where nothing else can be had.",
        ),
        "jwt": TradeOffs(
            "Login and tokens (JWT)",
            (
                "Verified anywhere by a signature: no look-up for a request.",
                "It carries who the person is, how they logged in, and what they may do.",
            ),
            (
                "It says itself that it is valid: taking one back needs a channel to everybody who verifies.",
                "Whoever has it can use it, so it must be short, and a refresh token must bring the next.",
            ),
            "Sessions of people over many services, apps and single-page applications.",
        ),
        "oauth2": TradeOffs(
            "OAuth 2.0",
            (
                "People let an application act for them, see what it may do, and take that back.",
                "Identity can be somebody else's business: a provider logs people in, you verify.",
            ),
            (
                "More parts than any other scheme: clients, grants, consent, redirects.",
                "A plain token is worth as much to a thief; one bound to a key (DPoP) costs a proof for each request.",
            ),
            "Applications of others that act for your users, outside identity providers, agents.",
        ),
        "hmac": TradeOffs(
            "Signed requests (HMAC)",
            (
                "The secret never travels, so no log and no proxy can leak it.",
                "A request that was seen can neither be repeated nor altered.",
            ),
            (
                "Callers must build exactly what is signed; `watchword explain` says where they differ.",
                "Clocks that disagree refuse requests; the client here corrects itself once.",
            ),
            "Money, webhooks, APIs of high value, networks that you do not trust.",
        ),
        "mtls": TradeOffs(
            "Client certificates (mutual TLS)",
            (
                "Very strong, and both sides prove themselves.",
                "The identity is in the connection: there is no token that could leak.",
            ),
            (
                "Certificates have to be issued, renewed and revoked for every caller.",
                "TLS has to end where the certificate is judged, or at a proxy that you trust with it.",
            ),
            "Your own services among themselves, financial and other sensitive partners.",
        ),
        "session": TradeOffs(
            "Session cookie",
            (
                "Browsers do everything, and scripts cannot read it.",
                "Over the moment that the server deletes it.",
            ),
            (
                "The server keeps a record for each, which every service has to reach.",
                "Browsers send it by themselves, also for other sites: SameSite and a CSRF token are a must.",
            ),
            "Web applications whose client is a browser.",
        ),
    }
)
