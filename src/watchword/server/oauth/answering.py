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

_MESSAGES: Final = {
    "invalid_client": "The application that sent you here is not known.",
    "invalid_redirect_uri": "The application asked to be answered at a place that is not its own.",
    "invalid_request_uri": "The application's request is too old, or was used already. Go back to it and try again.",
    "unauthorized_client": "The application may not ask for this.",
    "invalid_request": "The application's request is malformed.",
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
        more = {} if state is None else {"state": state}
        place = with_query(uri, {**fields, **more, "iss": self._watchword.issuer})
        if by_page:
            return self._pages.page("onward.html", place=place, host=urlsplit(uri).hostname or uri)
        return redirect(place)

    def refused(
        self, request: Request, refusal: Refusal, *, by_page: bool, client: Credential | None = None
    ) -> Response:
        """Refuse: at the client's, or where that is not known on our own page. The audit names the client."""
        id = "" if client is None else client.id
        rejection = Rejection(REFUSED_GRANT, f"{refusal.error}: {refusal.detail}", scheme=_SCHEME, credential=id)
        if not refusal.redirect_uri:
            return self.page(request, rejection, refusal.error)
        self._watchword.gate.refuse(request, rejection)
        fields = {"error": refusal.error}
        if refusal.detail:
            fields["error_description"] = refusal.detail
        return self.onward(refusal.redirect_uri, fields, refusal.state, by_page=by_page)

    def page(self, request: Request, rejection: Rejection, error: str, status: int = 400) -> Response:
        """Tell the person, on a page that leads back home."""
        deny = self._watchword.gate.refuse(request, rejection)
        values: dict[str, Any] = {"message": _MESSAGES.get(error, _MESSAGES["invalid_request"])}
        return self._pages.page("refused.html", status, deny.headers, reference=deny.reference, **values)
