"""Answer authorization requests: to the application where it is known whose place that is, else to the person."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import urlsplit

from starlette.responses import Response

from watchword.app import Watchword
from watchword.codec.oidc import with_query
from watchword.lifecycle.oauth.asking import Refusal
from watchword.model.credential import Credential
from watchword.model.reason import REFUSED_GRANT
from watchword.model.request import Request
from watchword.model.verdict import Rejection
from watchword.server.pages.rendering import Pages
from watchword.server.responses import redirect

__all__ = ["Answering"]

_SCHEME: Final = "oauth-client"

_SELF_DESCRIBED: Final = frozenset({"registered", "document"})

_MESSAGES: Final = {
    "invalid_client": "The application that sent you here is not known.",
    "invalid_redirect_uri": "The application asked to be answered at a place that is not its own.",
    "invalid_request_uri": "The application's request is too old, or was used already. Go back to it and try again.",
    "unauthorized_client": "The application may not ask for this.",
    "invalid_request": "The application's request is malformed.",
    "stranger": "An application that nobody here has looked at sent you with a request that cannot be answered.",
    "stale": "The form was too old or came from another site. Go back to the application and try again.",
}


class Answering:
    """Hold the ways to answer. No error goes anywhere before client and redirect URI are judged (RFC 9700 4.11)."""

    def __init__(self, watchword: Watchword, pages: Pages) -> None:
        self._watchword = watchword
        self._pages = pages

    def onward(self, uri: str, fields: dict[str, str], state: str | None, *, by_page: bool) -> Response:
        """Send the answer to the client, with who gives it (RFC 9207 section 2).

        After a form it goes by a page: browsers hold the redirects that follow a form to the form's own policy, which
        lets it end here alone.
        """
        place = self._place(uri, fields, state)
        if by_page:
            return self._pages.page("onward.html", place=place, host=urlsplit(uri).hostname or uri)
        return redirect(place)

    def refused(
        self,
        request: Request,
        refusal: Refusal,
        *,
        by_page: bool,
        client: Credential | None = None,
        silent: bool = False,
    ) -> Response:
        """Refuse: at the client's, or where that is not known on our own page. The audit names the client.

        Anybody can describe a client whose place is theirs. Before a person has answered anything they are not sent
        there by a mere link to us: they go by themselves (RFC 9700 section 4.11.2). ``silent`` (``prompt=none``) is
        what no page may answer.
        """
        id = "" if client is None else client.id
        rejection = Rejection(REFUSED_GRANT, f"{refusal.error}: {refusal.detail}", scheme=_SCHEME, credential=id)
        if not refusal.redirect_uri:
            return self.page(request, rejection, refusal.error)
        fields = {"error": refusal.error}
        if refusal.detail:
            fields["error_description"] = refusal.detail
        if not (by_page or silent) and client is not None and client.detail.get("source") in _SELF_DESCRIBED:
            place = self._place(refusal.redirect_uri, fields, refusal.state)
            return self.page(request, rejection, "stranger", place=place)
        self._watchword.gate.refuse(request, rejection)
        return self.onward(refusal.redirect_uri, fields, refusal.state, by_page=by_page)

    def _place(self, uri: str, fields: dict[str, str], state: str | None) -> str:
        more = {} if state is None else {"state": state}
        return with_query(uri, {**fields, **more, "iss": self._watchword.issuer})

    def page(
        self, request: Request, rejection: Rejection, error: str, status: int = 400, *, place: str = ""
    ) -> Response:
        """Tell the person, on a page that leads back home, and to ``place``."""
        deny = self._watchword.gate.refuse(request, rejection)
        values: dict[str, Any] = {"message": _MESSAGES.get(error, _MESSAGES["invalid_request"])}
        if place:
            values |= {"place": place, "host": urlsplit(place).hostname or place.partition("?")[0]}
        return self._pages.page("refused.html", status, deny.headers, reference=deny.reference, **values)
