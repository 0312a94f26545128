"""Steal access tokens that belong to a key (RFC 9449): without the key they are worth nothing."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Final

from watchword.client import OAuth2Auth
from watchword.client.oauth2.dpop import DpopKey
from watchword.demo.courier import Sent
from watchword.demo.script import Cast, Script, accepted, refused
from watchword.model.reason import BAD_PROOF, BAD_TYPE, REPLAYED_PROOF, UNCONFIRMED

__all__ = ["bound_tokens"]

_ORDERS: Final = Sent("GET", "/orders")
_AN_HOUR: Final = 3600  # seconds


def bound_tokens(cast: Cast) -> Script:
    """Use a bound token with everything but the right proof."""
    url, clients = f"{cast.url}/oauth/token", cast.seeds.clients
    bound = OAuth2Auth(url, *clients["billing"], dpop=True)
    answer = yield accepted("a token bound to a key", _ORDERS, "oauth2", auth=bound)
    honest = answer.sent
    token, place = honest.token, f"{cast.url}/orders"

    def shown(proof: str, token: str = token, scheme: str = "DPoP") -> Sent:
        return _ORDERS.with_field("authorization", f"{scheme} {token}").with_field("dpop", proof)

    def stolen(key: DpopKey | None = None, method: str = "GET", url: str = place, access: str = token) -> Sent:
        return shown((key or thief).proof(method, url, access=access))

    thief, late = DpopKey(), DpopKey(clock=lambda: time.time() - _AN_HOUR)
    proof = honest.field("dpop")
    yield refused("its proof sent twice", honest, REPLAYED_PROOF)
    yield refused("as Bearer, with its proof", shown(proof, scheme="Bearer"), UNCONFIRMED)
    yield refused("without a proof", honest.with_field("dpop", None), BAD_PROOF)
    yield refused("with a key of the thief's", stolen(), UNCONFIRMED)
    yield refused("a proof without the hash of it", stolen(access=""), BAD_PROOF)
    yield refused("a proof for another token", stolen(access=token + "x"), BAD_PROOF)
    yield refused("a proof for another place", stolen(url=f"{cast.url}/transfers"), BAD_PROOF)
    yield refused("a proof for another method", stolen(method="POST"), BAD_PROOF)
    yield refused("a proof an hour old", stolen(late), BAD_PROOF)
    yield refused("two proofs", replace(stolen(), headers=(*stolen().headers, ("dpop", proof))), BAD_PROOF)
    yield refused("a proof cut short", shown(proof[:-4]), BAD_PROOF)
    plain = cast.courier.send(_ORDERS, OAuth2Auth(url, *clients["billing"])).sent.token
    yield refused("an unbound token as DPoP", shown(thief.proof("GET", place, access=plain), plain), BAD_TYPE)
