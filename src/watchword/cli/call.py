"""``call``: an HTTP client that proves who it is by any scheme."""

from __future__ import annotations

import base64
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

import typer

from watchword.cli.plumbing.logins import forget
from watchword.cli.plumbing.output import clean, colour, note, print_json, warn
from watchword.cli.plumbing.profiles import Proof, auth_of, profile_named
from watchword.cli.plumbing.shell import BROKEN, REFUSED, Asked, Stop, VerbCommand, asked
from watchword.cli.plumbing.typed import data_from, header_of

if TYPE_CHECKING:
    import httpx2

__all__ = ["register"]

_TIMEOUT: Final = 30.0  # seconds
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def register(app: typer.Typer) -> None:
    """Add the verb to the command line."""
    app.command("call", cls=VerbCommand, epilog="""
    $ watchword call http://127.0.0.1:8000/whoami --api-key env:BILLING_KEY
    $ watchword call https://api.example/orders -d @o.json --hmac-key hk_live_…
    $ watchword call https://api.example/orders --cert cert.pem --key key.pem
    $ watchword call http://127.0.0.1:8000/me --login http://127.0.0.1:8000 alice
    $ watchword call /orders --as billing --dry-run
    $ watchword call /orders --as me      # logs in where the profile says so
    $ watchword call --as me --forget
    """)(call)  # fmt: skip


def call(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[METHOD] URL", help="GET, or POST with --data; then where.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option("--as", metavar="PROFILE", help="Who calls, from profiles.toml or the environment.")
    ] = None,
    data: Annotated[
        str | None, typer.Option("--data", "-d", metavar="TEXT", help="Content; @FILE or - reads it.")
    ] = None,
    headers: Annotated[
        list[str] | None, typer.Option("--header", "-H", metavar="H", help="Such as 'Accept: text/plain'.")
    ] = None,
    api_key: Annotated[str | None, typer.Option("--api-key", metavar="KEY", help="An API key.")] = None,
    basic: Annotated[str | None, typer.Option("--basic", metavar="USER", help="Name and password.")] = None,
    hmac_key: Annotated[str | None, typer.Option("--hmac-key", metavar="ID", help="Sign: hk_live_….")] = None,
    signing: Annotated[
        str | None, typer.Option("--signing", metavar="NAME", help="The key's profile: v1 or concat.")
    ] = None,
    oauth: Annotated[
        tuple[str, str] | None, typer.Option("--oauth", metavar="TOKEN_URL CLIENT", help="Client credentials.")
    ] = None,
    scope: Annotated[str | None, typer.Option("--scope", metavar="SCOPE", help="What --oauth asks for.")] = None,
    login: Annotated[
        tuple[str, str] | None, typer.Option("--login", metavar="BASE USER", help="A token of /login.")
    ] = None,
    session: Annotated[
        tuple[str, str] | None, typer.Option("--session", metavar="BASE USER", help="Cookies, as a browser.")
    ] = None,
    secret: Annotated[
        str | None, typer.Option("--secret", metavar="S", help="The secret or password of the above.")
    ] = None,
    secret_file: Annotated[
        Path | None, typer.Option("--secret-file", metavar="FILE", help="The same, in a file.")
    ] = None,
    cert: Annotated[Path | None, typer.Option("--cert", metavar="FILE", help="A client certificate, PEM.")] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="FILE", help="Its private key, PEM.")] = None,
    cacert: Annotated[
        Path | None, typer.Option("--cacert", metavar="FILE", help="Trust only these for servers.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the request as it would be sent; send nothing.")
    ] = False,
    forgetting: Annotated[
        bool, typer.Option("--forget", help="With --as: delete the login that is kept, and revoke it.")
    ] = False,
    verbose: Annotated[bool, typer.Option("-v", "--verbose", help="Status line and header fields on stderr.")] = False,
) -> None:
    """Send a request that proves who it is from.

    KEY and S are best given as @FILE, env:NAME or - (standard input): what stands on the command line, others on the
    machine can read. Without --secret it is WATCHWORD_SECRET (or WATCHWORD_PASSWORD), or asked for. The content is
    application/json when it is JSON, and a form otherwise. Exit 1: refused; 3: no answer, or the server is broken.
    """
    direct = {
        "api-key": {"secret": api_key} if api_key else None,
        "basic": {"username": basic} if basic else None,
        "hmac": {"key_id": hmac_key} if hmac_key else None,
        "oauth": {"token_url": oauth[0], "client_id": oauth[1]} if oauth else None,
        "login": {"base_url": login[0], "username": login[1]} if login else None,
        "session": {"base_url": session[0], "username": session[1]} if session else None,
    }
    if secret and secret_file:
        raise Stop("--secret and --secret-file exclude each other", "use one of them")
    proof = _proof(profile, direct).but(
        secret=f"@{secret_file}" if secret_file else secret, signing=signing, scope=scope,
        certificate=str(cert or ""), private_key=str(key or ""), ca=str(cacert or ""),
    )  # fmt: skip
    exchange = _Exchange(asked(ctx), proof, verbose)
    if forgetting:
        exchange.forget(words or [])
        return
    method, url = _target(words or [], proof.url, data)
    exchange.run(method, url, headers or [], data, dry_run)


def _proof(profile: str | None, direct: dict[str, dict[str, str] | None]) -> Proof:
    given = [scheme for scheme, values in direct.items() if values is not None]
    if len(given) + (profile is not None) > 1:
        options = [*(["--as"] if profile is not None else []), *(f"--{each}" for each in given)]
        hint = "prove who calls in one way; a certificate may come on top"
        raise Stop(f"{' and '.join(options)} exclude each other".replace("--hmac", "--hmac-key"), hint)
    if profile is not None:
        return profile_named(profile)
    return Proof(given[0], direct[given[0]] or {}) if given else Proof()


def _target(words: list[str], base: str, data: str | None) -> tuple[str, str]:
    if not words:
        raise Stop("URL is missing", "such as http://127.0.0.1:8000/whoami")
    if len(words) > 2:
        raise Stop(f"{len(words)} words where METHOD and URL are two", "quote what holds spaces; options begin with --")
    method, url = (words[0], words[1]) if len(words) == 2 else ("GET" if data is None else "POST", words[0])
    if not method.isalpha():
        raise Stop(f"{method[:40]!r} is not a method", "write METHOD, then URL: such as GET http://…")
    if base and url.startswith("/"):
        url = base.rstrip("/") + url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        near = (
            f"did you mean {method.upper()} http://{url[:80]}?" if "://" not in url and not url.startswith("/") else ""
        )
        raise Stop(f"{url[:80]!r} is not a whole URL", near or "such as http://127.0.0.1:8000/whoami")
    if parts.username is not None:
        raise Stop("a URL is no place for a password", "use --basic USER")
    return method.upper(), url


class _Exchange:
    """Make one exchange and print it."""

    def __init__(self, asked: Asked, proof: Proof, verbose: bool) -> None:
        self.asked, self.proof, self.verbose = asked, proof, verbose

    def run(self, method: str, url: str, headers: list[str], data: str | None, dry_run: bool) -> None:
        import httpx2

        parts = urlsplit(url)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK and self.proof.scheme not in ("", "hmac"):
            warn("http shows the credential to everybody on the way: use https")
        body = None if data is None else data_from(data)
        fields = [header_of(text) for text in headers]
        if body is not None and not any(name.lower() == b"content-type" for name, _ in fields):
            fields.append((b"Content-Type", _media_type(body)))
        direct = parts.hostname in _LOOPBACK  # a proxy of the environment cannot reach this machine's own loopback
        with httpx2.Client(verify=self._tls(), timeout=_TIMEOUT, trust_env=not direct) as client:
            client.headers["User-Agent"] = "watchword"
            try:
                request = client.build_request(method, url, headers=fields, content=body)
            except (httpx2.InvalidURL, ValueError) as error:
                raise Stop(f"{clean(url[:80])} cannot be requested: {error}") from None
            auth: Any = auth_of(self.proof, url)
            if dry_run:
                self._print_request(request, auth)
            else:
                self._send(client, request, auth)

    def forget(self, words: list[str]) -> None:
        """Delete the login that is kept for the profile."""
        if not self.proof.name or words:
            raise Stop("--forget goes with --as PROFILE, and with nothing else", "watchword call --as me --forget")
        if self.proof.scheme != "oauth":
            raise Stop(f"nothing is kept for {self.proof.name}", "only what oauth logs in is")
        auth: Any = auth_of(self.proof, self.proof.url or None)
        if forget(auth, self.proof.name, self._tls()):
            note(f"forgot the login of {self.proof.name}")
        else:
            note(f"nothing was kept for {self.proof.name}")

    def _tls(self) -> Any:
        import ssl

        certificate, key, ca = (self.proof.path(name) for name in ("certificate", "private_key", "ca"))
        if (certificate is None) is not (key is None):
            raise Stop("--cert and --key go together", "both are PEM files, such as cert.pem and key.pem")
        for path in (certificate, key, ca):
            if path is not None and not path.is_file():
                raise Stop(f"there is no file {path}", "a PEM file")
        from watchword.client import client_certificate

        try:
            if certificate is not None and key is not None:
                return client_certificate(certificate, key, ca)
            return True if ca is None else ssl.create_default_context(cafile=ca)
        except (ssl.SSLError, OSError) as error:
            raise Stop(f"the certificate cannot be used: {getattr(error, 'reason', None) or error.strerror}") from None

    def _send(self, client: httpx2.Client, request: httpx2.Request, auth: Any) -> None:
        import httpx2

        from watchword.client import AuthenticationFailed

        try:
            response = client.send(request, auth=auth)
        except AuthenticationFailed as error:
            raise Stop(str(error), code=BROKEN if error.status >= 500 else REFUSED) from None
        except httpx2.TimeoutException as error:
            raise Stop(f"{_place(error, request)} did not answer within {_TIMEOUT:.0f} s", code=BROKEN) from None
        except httpx2.HTTPError as error:
            raise Stop(f"{_place(error, request)} cannot be reached: {error}", "is it running there?", BROKEN) from None
        except ValueError as error:  # what cannot be signed
            raise Stop(str(error)) from None
        self._print_response(response)

    def _print_response(self, response: httpx2.Response) -> None:
        status = f"{response.http_version} {response.status_code} {response.reason_phrase}"
        if self.verbose:
            note(status)
            for name, value in response.headers.multi_items():
                note(f"{name}: {value}")
            note("")
        if self.asked.json:
            print_json(
                {"status": response.status_code, "headers": response.headers.multi_items(), **_body(response.content)}
            )
        else:
            sys.stdout.buffer.write(response.content)
            if sys.stdout.isatty() and response.content[-1:] not in (b"", b"\n"):
                sys.stdout.buffer.write(b"\n")
            sys.stdout.flush()
        if response.status_code >= 400:
            if not self.verbose:
                print(
                    colour(f"{response.status_code} {clean(response.reason_phrase)}", "red", sys.stderr),
                    file=sys.stderr,
                )
            raise typer.Exit(BROKEN if response.status_code >= 500 else REFUSED)

    def _print_request(self, request: httpx2.Request, auth: Any) -> None:
        """Print what goes out first; what only an answer brings is named."""
        first = request if auth is None else next(auth.sync_auth_flow(request))
        shown = [first]
        if first is not request:
            session, bound = self.proof.scheme == "session", self.proof.values.get("dpop") == "true"
            kind = "session=" if session else "DPoP " if bound else "Bearer "
            request.headers["Cookie" if session else "Authorization"] = f"{kind}(from the first answer)"
            shown.append(request)
        for each in shown:
            if self.asked.json:
                fields = each.headers.multi_items()
                print_json({"method": each.method, "url": str(each.url), "headers": fields, **_body(each.content)})
            else:
                _print_message(each, last=each is shown[-1])
        if len(shown) > 1 and not self.asked.json:
            note("The first request brings what the second carries.")


def _place(error: httpx2.HTTPError, request: httpx2.Request) -> str:
    """Return where it was that did not answer: the server that was called, or the one that gives tokens."""
    try:
        url = error.request.url
    except RuntimeError:
        url = request.url
    return f"{url.host}:{url.port or {'http': 80, 'https': 443}[url.scheme]}"


def _print_message(request: httpx2.Request, *, last: bool) -> None:
    out = sys.stdout
    out.write(f"{request.method} {request.url.raw_path.decode('ascii')} HTTP/1.1\n")
    for name, value in request.headers.raw:
        out.write(f"{name.decode('ascii')}: {value.decode('latin-1')}\n")
    out.write("\n")
    out.flush()
    out.buffer.write(request.content)
    if request.content or not last:
        out.write("\n" if request.content[-1:] != b"\n" else "")
    if not last:
        out.write("\n")
    out.flush()


def _media_type(body: bytes) -> bytes:
    try:
        json.loads(body)
    except ValueError:
        return b"application/x-www-form-urlencoded"
    return b"application/json"


def _body(content: bytes) -> dict[str, str]:
    try:
        return {"body": content.decode()}
    except UnicodeDecodeError:
        return {"body_base64": base64.b64encode(content).decode()}
