"""Fill in templates and serve the few files that they need: one stylesheet, one script, one mark, no build step.

A page may load style and pictures from this site alone, script only where a passkey is asked for and in
the console, and nothing inline.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, pass_context, select_autoescape
from jinja2.runtime import Context
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from watchword.model.reason import NOT_FOUND
from watchword.model.verdict import Headers
from watchword.server.config.settings import Settings
from watchword.server.pages.language import SPOKEN, ago, translated
from watchword.server.responses import problem_response, refusal

__all__ = ["Pages", "pages_of"]

_SERVER: Final = Path(__file__).parent.parent
_POLICY: Final = (
    b"default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_SCRIPT: Final = b"; script-src 'self'; connect-src 'self'"  # only for passkeys, and in the console
_CACHED: Final = (b"cache-control", b"public, max-age=3600")
_KINDS: Final = {
    "css": b"text/css; charset=utf-8",
    "js": b"text/javascript; charset=utf-8",
    "svg": b"image/svg+xml",
}
_THEME: Final = "theme.css"


class Pages:
    """Hold the templates and the files beside them.

    ``product`` is what the pages call this service, ``theme`` a stylesheet that comes after ours, ``offers`` what there
    is beyond signing in: "sign-up", "reset", "identities".
    """

    def __init__(self, product: str = "Watchword", theme: Path | None = None, offers: Collection[str] = ()) -> None:
        self._files = {path.name: path.read_bytes() for path in (_SERVER / "static").iterdir()}
        if theme is not None:
            self._files[_THEME] = theme.read_bytes()
        self._digests = {name: sha256(content).hexdigest()[:12] for name, content in self._files.items()}
        self._templates = Environment(
            loader=FileSystemLoader(_SERVER / "templates"),
            autoescape=select_autoescape(),
            auto_reload=False,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals |= {
            "product": product,
            "themed": theme is not None,
            "offers": frozenset(offers),
            "asset": self._asset,
            "t": _said,
            "faults": {},
        }
        self._templates.filters |= {"moment": _moment, "ago": _ago, "second": _second, "iso": _iso, "grouped": _grouped}

    def routes(self) -> list[Route]:
        """Return the endpoint of the files."""
        return [Route("/static/{name}", self.static, methods=["GET"])]

    async def static(self, request: Request) -> Response:
        """Return one of the files."""
        name = request.path_params["name"]
        content = self._files.get(name)
        if content is None:
            return problem_response(refusal(NOT_FOUND))
        return _content(content, 200, _KINDS[name.rpartition(".")[2]], [_CACHED])

    def page(self, name: str, status: int = 200, headers: Headers = (), /, **values: Any) -> Response:
        """Return a page in the language of the request, which nobody may store."""
        language = SPOKEN.get()
        body = self._templates.get_template(name).render({**values, "language": language}).encode()
        policy = _POLICY + _SCRIPT if values.get("script") or values.get("console") else _POLICY
        fields = [
            (b"cache-control", b"no-store"),
            (b"content-security-policy", policy),
            # With no-referrer browsers send forms with "Origin: null", as if from elsewhere (Fetch standard, 3.2).
            (b"referrer-policy", b"same-origin"),
            (b"content-language", language.encode()),
            (b"vary", b"accept-language"),
        ]
        return _content(body, status, b"text/html; charset=utf-8", [*fields, *headers])

    def _asset(self, name: str) -> str:
        """Return where a file is, under a name that changes with it."""
        return f"/static/{name}?v={self._digests[name]}"


def pages_of(settings: Settings) -> Pages:
    """Return the pages as the settings want them."""
    table = settings.pages
    there = {
        "sign-up": settings.accounts.sign_up == "open",
        "reset": bool(settings.mail.server),
        "identities": bool(settings.provider),
    }
    theme = settings.place(table.theme) if table.theme else None
    return Pages(table.name, theme, [name for name, is_there in there.items() if is_there])


@pass_context
def _said(context: Context, text: str, /, **values: Any) -> str:
    return translated(text, context["language"], **values)


@pass_context
def _ago(context: Context, seconds: float) -> str:
    return ago(seconds, context["language"])


def _moment(at: float) -> str:
    """Return a time as everybody reads it, to the minute."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _second(at: float) -> str:
    """Return a time to the second."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _iso(at: float) -> str:
    """Return a time as machines read it (RFC 3339)."""
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _grouped(count: int) -> str:
    """Return a number with thin blanks between its thousands, which both languages read."""
    return f"{count:,}".replace(",", "\u202f")


def _content(body: bytes, status: int, kind: bytes, fields: list[tuple[bytes, bytes]]) -> Response:
    response = Response(body, status)
    response.raw_headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *fields]
    return response
