"""Let operators in: each page asks for a scope of administration, each act that reveals or destroys for a fresh proof.

What an operator lacks, they are told on a page; the menu shows what they may see.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import replace
from inspect import isawaitable
from typing import Any, Final, TypeAlias, TypeVar

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route as Endpoint

from watchword.app import Watchword
from watchword.lifecycle.errors import LifecycleError
from watchword.lifecycle.operations.rights import ADMIN, AREAS, area_of, lacking, rights_of, to_read, to_write
from watchword.lifecycle.people.factors import FACTORS
from watchword.model.credential import Kind
from watchword.model.reason import CONFLICT, INSUFFICIENT_SCOPE, NOT_FOUND, UNSUPPORTED_MEDIA
from watchword.model.verdict import Principal, Rejection
from watchword.routes import Rule
from watchword.server.account.own import Own
from watchword.server.account.visit import Visit, Visits
from watchword.server.admin.anew import Anew
from watchword.server.config.settings import AdminTable, Settings
from watchword.server.pages.rendering import Pages
from watchword.server.responses import problem_response
from watchword.sync import run_sync

__all__ = ["Act", "ConsoleDesk", "sentence", "who_of"]

_PLACE: Final = "/console"

T = TypeVar("T")

Act: TypeAlias = Callable[[Visit], Awaitable[Response]]


class _Sessions(Own):
    """Take sessions alone, within the bounds of ``[admin]``: a page is for who has signed in."""

    def __init__(self, watchword: Watchword, visits: Visits, admin: AdminTable) -> None:
        super().__init__(watchword, visits)
        rule = Rule(_PLACE, "session", limit=admin.limit, networks=tuple(admin.networks))
        self._route = watchword.compile(rule)
        self._anew = Anew(float(admin.within), watchword.factors, watchword.clock)

    async def unproven(self, http: HttpRequest, visit: Visit) -> Response | None:
        """Return where to prove oneself again, None where that was lately: as the admin API demands it."""
        who = who_of(visit)
        checked = self._anew.check(visit.request, who)
        if not isinstance(await checked if isawaitable(checked) else checked, Rejection):
            return None
        enrolled = await self._watchword.factors.enrolled(who.subject)
        return self._again(http, visit, sorted({FACTORS[each.kind] for each in enrolled}))


class ConsoleDesk:
    """Judge who comes, then have a page or an act answer."""

    def __init__(self, watchword: Watchword, settings: Settings, pages: Pages) -> None:
        self.watchword: Watchword = watchword
        self.settings: Settings = settings
        self._visits = Visits(watchword, settings, pages)
        self._own = _Sessions(watchword, self._visits, settings.admin)
        self._aside = False

    def shown(self, place: str, scope: str, act: Act, page: str) -> Endpoint:
        """Return the endpoint of a page; ``scope`` is "AREA:read", "" where any scope of administration will do."""
        return Endpoint(place, self._answering(scope, act, page, proof=False), methods=["GET"])

    def acting(self, place: str, scope: str | None, act: Act, page: str, *, proof: bool = True) -> Endpoint:
        """Return the endpoint of an act: GET shows its form, POST does it; ``proof``: soon after a proof only.

        ``scope`` None: the act says which it takes.
        """
        return Endpoint(place, self._answering(scope, act, page, proof=proof), methods=["GET", "POST"])

    def _answering(
        self, scope: str | None, act: Act, page: str, *, proof: bool
    ) -> Callable[[HttpRequest], Awaitable[Response]]:
        async def answer(http: HttpRequest) -> Response:
            visit = await self._own.visit(http, f"console/{page}.html", fresh=False)
            if isinstance(visit, Response):
                return visit
            refused = self._unfit(http, visit, scope) or (await self._own.unproven(http, visit) if proof else None)
            if refused is not None:
                return refused
            if http.method != "POST":
                visit = replace(visit, fields=dict(http.query_params))
            elif http.query_params.get("id"):  # what a form is about stands in its address: one comes back to it
                visit = replace(visit, fields={**visit.fields, "id": http.query_params["id"]})
            try:
                return await act(visit)
            except LifecycleError as error:
                return self.impossible(visit, error)

        return answer

    # --- who may what -------------------------------------------------------------------------------------------------

    def _unfit(self, http: HttpRequest, visit: Visit, scope: str | None) -> Response | None:
        if visit.json and http.method == "POST":  # the API is the place for programs
            return problem_response(self.watchword.gate.refuse(visit.request, Rejection(UNSUPPORTED_MEDIA, "console")))
        if scope is None or self.may(visit, scope):
            return None
        return self.lacking(visit, [f"{ADMIN}{scope}"] if scope else map(to_read, AREAS))

    def may(self, visit: Visit, scope: str) -> bool:
        """Return whether the operator has "AREA:read" or "AREA:write"; "": any of them."""
        scopes = who_of(visit).scopes
        return f"{ADMIN}{scope}" in scopes if scope else any(each.startswith(ADMIN) for each in scopes)

    def sees(self, visit: Visit) -> frozenset[Kind]:
        """Return the kinds of credentials that the operator may look at: those of the areas that they may read."""
        return frozenset(kind for kind in Kind if self.may(visit, f"{area_of(kind)}:read"))

    def lacking(self, visit: Visit, missing: Iterable[str]) -> Response:
        """Say which scopes are missing."""
        named = sorted(missing)
        rejection = Rejection(INSUFFICIENT_SCOPE, " ".join(named), (), "session", who_of(visit).credential)
        deny = self.watchword.gate.refuse(visit.request, rejection)
        return self.page(
            visit, INSUFFICIENT_SCOPE.status, page="missing", missing=named, reference=deny.reference, live=False
        )

    def given(self, visit: Visit, scopes: Iterable[str]) -> Response | None:
        """Refuse who would give away a right to administer that they do not hold."""
        missing = lacking(who_of(visit).scopes, scopes)
        return self.lacking(visit, missing) if missing else None

    async def touched(self, visit: Visit, subject: str) -> Response | None:
        """Refuse who would act on somebody with a right to administer that they do not hold."""
        return self.given(visit, await rights_of(self.watchword.store, subject, self.watchword.clock))

    async def aside(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what reads very much where nobody waits for it: in a thread, where the store answers inline.

        One at a time: whoever asks meanwhile is told so, and takes no thread and no connection from others.
        """
        if self._aside:
            work.close()
            raise LifecycleError("somebody has all of it looked through already", "try again in a minute")
        self._aside = True
        try:
            return await (run_in_threadpool(run_sync, work) if self.watchword.store.inline else work)
        finally:
            self._aside = False

    # --- answering ----------------------------------------------------------------------------------------------------

    def page(self, visit: Visit, status: int = 200, *, page: str = "", **values: Any) -> Response:
        """Return the visit's page, or another of the console."""
        scopes = who_of(visit).scopes
        shown = {
            "operator": who_of(visit).subject.partition(":")[2],
            "reads": {area for area in AREAS if to_read(area) in scopes},
            "writes": {area for area in AREAS if to_write(area) in scopes},
            "now": self.watchword.clock(),
            "console": True,
            "live": status == 200 and visit.request.method == "GET",
        }
        name = f"console/{page}.html" if page else ""
        return self._visits.page(visit, status, page=name, **{**shown, **values})

    def faulty(self, visit: Visit, error: LifecycleError, field: str = "", **values: Any) -> Response:
        """Show a form again and what is wrong with it, at the field where one is to blame."""
        text = sentence(error)
        faults = {field: text} if field else {}
        message = "Please correct what is marked." if field else text
        return self.page(visit, 422, message=message, faults=faults, **values)

    def impossible(self, visit: Visit, error: LifecycleError) -> Response:
        """Say that an act cannot be done, or that what a page is about is not there."""
        reason = NOT_FOUND if visit.request.method == "GET" else CONFLICT
        deny = self.watchword.gate.refuse(visit.request, Rejection(reason, "console"))
        return self.page(
            visit, reason.status, page="impossible", message=sentence(error), reference=deny.reference, live=False
        )


def who_of(visit: Visit) -> Principal:
    """Return who comes."""
    assert visit.who is not None  # noqa: S101 - nobody else is let through
    return visit.who


def sentence(error: LifecycleError) -> str:
    """Return what is wrong, and what mends it, as a sentence or two."""
    parts = [str(error), error.hint]
    return " ".join(_closed(f"{part[:1].upper()}{part[1:]}") for part in parts if part)


def _closed(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."
