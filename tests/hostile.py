"""Places that lead elsewhere, or that two readers read differently: none may be gone to or redirected to."""

from __future__ import annotations

from typing import Final

__all__ = ["PLACES", "URIS"]

_HOST: Final = "app.example"
_BEFORE_HOST: Final = (
    *("evil.example@", "evil.example%40", "evil.example\\@", "evil.example%5c@", "evil.example/@", "evil.example?@"),
    *("evil.example#@", "evil.example:443@", "a:b@", "@", ":@", "evil.example%2f@", "evil.example;@", "evil.example,"),
    *("evil.example%00@", "evil.example%09", "evil.example/", "evil.example\\", "evil.example?", "evil.example#", "."),
)
_AFTER_HOST: Final = (
    *(".", "..", ".evil.example", "%2eevil.example", ":0", ":1", ":443", ":8443", ":", ":443@evil.example", ":x"),
    *("@evil.example", "\\@evil.example", "\\.evil.example", ";.evil.example", "%00.evil.example", "%2f.evil.example"),
    *("%5c.evil.example", "。evil.example", "．evil.example", "%e3%80%82evil.example", "\t.evil.example", "%20", "%23"),
    *("`.evil.example", "_.evil.example", "-.evil.example", "!.evil.example", "(.evil.example", "{.evil.example"),
)
_AFTER_PATH: Final = (
    *("/", "//", "/.", "/..", "/../evil", "/..;/evil", "/%2e%2e/evil", "/..%2fevil", "/..%5cevil", "\\..\\evil", "/x"),
    *(
        "?",
        "??",
        "?x=1",
        "?code=1",
        "?&",
        "#",
        "#f",
        "#?x",
        "%23",
        "%3f",
        "%3fx=1",
        ";",
        ";a=b",
        ";jsessionid=1",
        "%3b",
    ),
    *(" ", "%20", "+", "\t", "%09", "\n", "%0a", "\r", "%0d%0aset-cookie:x=1", "\r\nset-cookie: x=1", "\x00", "%00"),
    *("%", "%c", "%zz", "%25", "%252f", "%u002f", "\x7f", "\x80", "\xa0", "\u2028", "\u200b", "\ufeff", "é", "%c3%a9"),
    *("'", '"', "<script>", "&state=x", "&x", "@evil.example", ":80", "*", "|", "b"),
)
_WHOLE: Final = (
    *("", "/", "/cb", "cb", "//app.example/cb", "///app.example/cb", "/\\app.example/cb", "\\\\app.example\\cb"),
    *(
        "https:app.example/cb",
        "https:/app.example/cb",
        "https:///app.example/cb",
        "https:\\\\app.example\\cb",
        "https://",
    ),
    *(
        "http://app.example/cb",
        "HTTPS://app.example/cb",
        "Https://app.example/cb",
        "https ://app.example/cb",
        "*",
        "null",
    ),
    *("ftp://app.example/cb", "ws://app.example/cb", "file:///cb", "blob:https://app.example/cb", "about:blank"),
    *("javascript:alert(1)", "javascript://app.example/cb%0aalert(1)", "java\tscript:alert(1)", "vbscript:x"),
    *("data:text/html,x", "mailto:a@app.example", "view-source:https://app.example/cb", "intent://app.example/cb"),
    *("https://APP.example/cb", "https://app.EXAMPLE/cb", "https://app.example/CB", "https://app.example/%63b"),
    *("https://app.example/c%62", "https://app.example//cb", "https://app.example/./cb", "https://app.example/x/../cb"),
    *("https://app.example\\cb", "https://app.example%2fcb", "https://app.example", "https://example/cb"),
    *("https://www.app.example/cb", "https://app-example/cb", "https://appxexample/cb", "https://аpp.example/cb"),
    *("https://evil.example/?https://app.example/cb", "https://evil.example/https://app.example/cb"),
    *(
        " https://app.example/cb",
        "\thttps://app.example/cb",
        "\x00https://app.example/cb",
        "\ufeffhttps://app.example/cb",
    ),
    *("https://app.example/cb https://evil.example", "https://app.example/cb,https://evil.example", "https://[::1]/cb"),
    *("https://0/cb", "https://127.0.0.1/cb", "https://[/cb", "https://app.example]/cb", "https://app.exämple/cb"),
)

URIS: Final[tuple[str, ...]] = (
    *(f"https://{before}{_HOST}/cb" for before in _BEFORE_HOST),
    *(f"https://{_HOST}{after}/cb" for after in _AFTER_HOST),
    *(f"https://{_HOST}/cb{after}" for after in _AFTER_PATH),
    *_WHOLE,
)
"""None of them is https://app.example/cb, and most lead elsewhere, or might (CVE-2026-7504, -28512, -3872)."""

_SLASHES: Final = ("//", "///", "/\\", "\\/", "\\\\", "/\t/", "/\n/", "/%2f", "/%5c", "/%2F", "/%252f", "/.//", "/..//")

PLACES: Final[tuple[str, ...]] = (
    *(f"{slashes}evil.example" for slashes in _SLASHES),
    *(f"{slashes}evil.example/%2e%2e" for slashes in _SLASHES),
    *(f"/account{slashes}evil.example" for slashes in _SLASHES),
    *(
        f"{space}{slashes}evil.example"
        for space in (" ", "\t", "\r\n", "\x00", "\xa0", "%20")
        for slashes in ("//", "/\\")
    ),
    *(uri for uri in URIS if not uri.startswith("/")),
    *(
        "/../evil",
        "/./evil",
        "/a/../../evil",
        "/%2e%2e/evil",
        "/%2e/evil",
        "/%252e%252e/evil",
        "/..%2fevil",
        "/..%5cevil",
    ),
    *("/a\r\nset-cookie: x=1", "/a%0d%0aset-cookie:x=1", "/a%00", "/a\x00", "/%", "/%zz", "/%1", "/a b", "/a\\b", "/é"),
    *('/"onmouseover=x', "/<script>", "/`", "/{x}", "/[x]", "/|", "/^", "/#//evil.example", "/" + "a" * 2048),
)
"""None of them may follow a login."""
