"""Read what is asked to be explained: a request as a caller sends it, from wherever."""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import unquote, urlsplit

__all__ = ["Question", "Unclear"]

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110 section 5.6.2
_METHOD: Final = re.compile(r"[A-Za-z]{1,32}")
_MOST_FIELDS: Final = 200
_MOST_URL: Final = 16_384
_KEYS: Final = frozenset({"method", "url", "headers", "body", "body_base64", "address", "certificate", "string_signed"})
_SHOWN: Final = 80


class Unclear(ValueError):
    """Say which field of a question is wrong, and how it should be."""

    def __init__(self, field: str, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.field = field
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Question:
    """Hold a request to explain: ``headers`` as sent, ``certificate`` in DER, ``signed`` the text that was signed."""

    method: str
    url: str
    headers: tuple[tuple[bytes, bytes], ...] = field(default=(), repr=False)
    body: bytes = field(default=b"", repr=False)
    address: str = "127.0.0.1"
    certificate: bytes | None = None
    signed: str | None = field(default=None, repr=False)

    @classmethod
    def of(cls, value: Mapping[str, Any]) -> Question:
        """Read a question that came as JSON. Raise Unclear.

        ``headers`` is a list of [name, value] pairs, ``body`` a text or ``body_base64``, ``certificate`` PEM.
        """
        for key in value:
            if key not in _KEYS:
                raise Unclear(str(key)[:_SHOWN], "there is no such field", f"known: {', '.join(sorted(_KEYS))}")
        texts = {name: _text(value, name) for name in ("method", "url", "body", "address", "certificate")}
        certificate = texts["certificate"]
        return cls(
            texts["method"] or "GET",
            texts["url"],
            tuple(_fields(value.get("headers", []))),
            _body(value, texts["body"]),
            texts["address"] or "127.0.0.1",
            _der(certificate) if certificate else None,
            _text(value, "string_signed") if value.get("string_signed") is not None else None,
        ).checked()

    def checked(self) -> Question:
        """Return the question. Raise Unclear when no such request can be sent."""
        if not _METHOD.fullmatch(self.method):
            raise Unclear(
                "method", f"{self.method[:40]!r} is not a method", "write METHOD, then URL: such as GET http://…"
            )
        try:
            parts = urlsplit(self.url)
            _ = parts.port
        except ValueError as error:
            message = f"{self.url[:_SHOWN]!r} is not a URL: {error}"
            raise Unclear("url", message, "such as http://127.0.0.1:8000/orders/7") from None
        if not self.url.isascii() or any(char.isspace() for char in self.url):
            raise Unclear("url", "it is percent-encoded on the wire", "such as /caf%C3%A9; a host as xn--…")
        if parts.scheme not in ("http", "https") or not parts.hostname or len(self.url) > _MOST_URL:
            raise Unclear("url", f"{self.url[:_SHOWN]!r} is not a whole URL", "such as http://127.0.0.1:8000/orders/7")
        try:
            ipaddress.ip_address(self.address)
        except ValueError:
            message = f"{self.address[:_SHOWN]!r} is not an address"
            raise Unclear("address", message, "such as 10.0.0.7 or 2001:db8::1") from None
        return self

    def scope(self) -> dict[str, Any]:
        """Return the request as an ASGI server would hand it on."""
        parts = urlsplit(self.url)
        fields = [(name.lower(), value) for name, value in self.headers]
        if not any(name == b"host" for name, _ in fields):
            fields.insert(0, (b"host", parts.netloc.rpartition("@")[2].encode("ascii")))
        path = parts.path or "/"
        return {
            "type": "http",
            "method": self.method,
            "scheme": parts.scheme,
            "path": unquote(path),
            "raw_path": path.encode(),
            "query_string": parts.query.encode(),
            "headers": fields,
            "client": (self.address, parts.port or 0),
            "extensions": {"tls": {"client_cert_der": self.certificate}} if self.certificate is not None else {},
        }


def _text(value: Mapping[str, Any], name: str) -> str:
    found = value.get(name, "")
    if not isinstance(found, str):
        raise Unclear(name, "it must be a text")
    return found


def _fields(value: object) -> Iterable[tuple[bytes, bytes]]:
    hint = 'a list of pairs, such as [["Authorization", "Bearer …"]]'
    if not isinstance(value, list) or len(value) > _MOST_FIELDS:
        raise Unclear("headers", "it must be a list", hint)
    for pair in value:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(each, str) for each in pair):
            raise Unclear("headers", "each must be a name and a value", hint)
        name, text = pair
        if not _TOKEN.fullmatch(name):
            raise Unclear("headers", f"{name[:40]!r} is not the name of a header field", hint)
        try:
            yield name.encode("ascii"), text.strip(" \t").encode("latin-1")
        except UnicodeEncodeError:
            raise Unclear("headers", f"{name}: the value has characters that no header can carry") from None


def _body(value: Mapping[str, Any], text: str) -> bytes:
    encoded = _text(value, "body_base64")
    if encoded and text:
        raise Unclear("body", "body and body_base64 exclude each other")
    try:
        return base64.b64decode(encoded, validate=True) if encoded else text.encode()
    except (binascii.Error, ValueError):
        raise Unclear("body_base64", "it is not base64") from None


def _der(pem: str) -> bytes:
    from watchword.codec.x509 import der_of

    try:
        return der_of(pem.encode())
    except ValueError:
        raise Unclear("certificate", "it holds no certificate in PEM") from None
