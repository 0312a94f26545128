"""Ten questions, seven schemes."""

from __future__ import annotations

import html
import re
import tomllib

import pytest
from tests.server.account.town import Browser

from watchword.advise import QUESTIONS


def test_the_questions_are_asked_in_the_readers_language(root: Browser) -> None:
    page = root.get("/console/advise").text
    assert all(html.escape(each.text, quote=False).replace("'", "&#39;") in page for each in QUESTIONS)
    assert 'id="result"' not in page
    german = root.http.get("/console/advise", headers={"accept-language": "de"}).text
    assert "Wer fragt an?" in german
    options = [option.text for each in QUESTIONS for option in each.options]
    assert not [text for text in options if f">{html.escape(text)}<" in german]


def test_the_answers_rank_all_seven(root: Browser) -> None:
    page = root.get(
        "/console/advise?callers=machines&sensitivity=low&path=/bills/{id}&method=POST&scopes=bills:write"
    ).text
    titles = re.findall(r"<h3>([^<]+) <span", page)
    assert len(titles) == 7
    assert titles[0] == "API key"
    block = html.unescape(re.findall(r'<pre id="route-api-key"[^>]*>(.*?)</pre>', page, re.S)[0])
    (route,) = tomllib.loads(block)["route"]
    assert (route["path"], route["methods"], route["scopes"]) == ("/bills/{id}", ["POST"], ["bills:write"])


@pytest.mark.parametrize("query", ["callers=aliens", "callers=machines&through=browser", "callers=both&path=nowhere"])
def test_what_is_no_answer_is_marked(root: Browser, query: str) -> None:
    page = root.get(f"/console/advise?{query}")
    assert page.status_code == 422
    assert 'id="result"' not in page.text
