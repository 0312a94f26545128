"""Each advised JavaScript snippet runs under Node; the one for a page with what a page has: its origin and cookies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.advise.snippets.running import check, ran
from tests.advise.snippets.served import KINDS, PASSWORD, Served

# What a browser does by itself: it keeps the cookies of the login, shows the page the one that is not HttpOnly, sends
# both to the page's own origin, and says where a request comes from.
PAGE = """
const base = {url}, jar = new Map(), raw = globalThis.fetch;
function keep(answer) {{
  for (const text of answer.headers.getSetCookie()) {{
    const [pair, ...rest] = text.split("; "), at = pair.indexOf("=");
    jar.set(pair.slice(0, at), {{ pair, hidden: rest.includes("HttpOnly") }});
  }}
  return answer;
}}
const cookies = (all) => [...jar.values()].filter((each) => all || !each.hidden).map((each) => each.pair).join("; ");
globalThis.fetch = (path, given = {{}}) => {{
  const headers = {{ ...given.headers, Cookie: cookies(true), Origin: base, "Sec-Fetch-Site": "same-origin" }};
  return raw(base + path, {{ ...given, redirect: "manual", headers }}).then(keep);
}};
globalThis.document = {{ get cookie() {{ return cookies(false); }} }};
const form = await (await fetch("/login")).text();
const csrf_token = form.match(/name="csrf_token" value="([0-9a-f]*)"/)[1];
const typed = new URLSearchParams({{ csrf_token, username: "alice", password: {password} }});
await fetch("/login", {{ method: "POST", body: typed }});
"""


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_let_in_as_the_scheme_that_was_advised(
    served: Served, desk: Path, node: str, kind: str, method: str
) -> None:
    module = served.advice[kind, method].snippet["javascript"]
    page = PAGE.format(url=json.dumps(served.url), password=json.dumps(PASSWORD)) if kind == "session" else ""
    wrapped = f"{page}{{\n{module}}}\n" if page else module
    (desk / "call.mjs").write_text(wrapped)
    check(ran([node, "call.mjs"], served, kind, desk), served, kind, method)


def test_no_secret_stands_in_it(served: Served) -> None:
    for (kind, _), advice in served.advice.items():
        for value in served.environment[kind].values():
            assert value not in advice.snippet["javascript"]
