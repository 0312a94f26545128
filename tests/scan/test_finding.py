"""Findings as values: no whole secret in them."""

from __future__ import annotations

import json

from watchword.codec.secrets import new_secret
from watchword.codec.shapes import SHAPES, fingerprint
from watchword.scan.finding import Finding


def test_a_value_shows_no_whole_secret() -> None:
    text = new_secret("ak_live_")
    finding = Finding(SHAPES[0], text, "a", 1, 2, 3, "base64").within("b!c", "c" * 40)
    value = finding.value()
    assert text not in json.dumps(value) + repr(finding)
    assert value["fingerprint"] == fingerprint(text) == finding.fingerprint
    assert (value["path"], value["commit"], value["versions"], value["form"]) == ("b!c", "c" * 40, 1, "base64")
    assert "commit" not in Finding(SHAPES[0], text, "a", 1, 2, 3).value()
