"""What a token is bound to, and what its family is."""

from __future__ import annotations

import re

import pytest

from watchword.lifecycle.oauth.terms import Sender, family_cnf, refused
from watchword.model.credential import Credential, Kind
from watchword.model.reason import REFUSED_GRANT


@pytest.mark.parametrize(
    ("public", "cnf", "lasting"),
    [
        (True, {"jkt": "k"}, {"jkt": "k"}),  # RFC 9449 section 5: the key is all that a public client has
        (False, {"jkt": "k"}, None),
        (False, {"x5t#S256": "c"}, {"x5t#S256": "c"}),
        (True, None, None),
    ],
)
def test_what_binds_a_family(public: bool, cnf: dict[str, str] | None, lasting: dict[str, str] | None) -> None:
    client = Credential("cli_x", Kind.OAUTH_CLIENT, "service:x", 1, detail={"public": public})
    assert family_cnf(client, cnf) == lasting


def test_nobody_proved_possession_of_anything() -> None:
    assert Sender() == Sender(None, "")


@pytest.mark.parametrize("error", ["unsupported_grant_type", "unauthorized_client", "invalid_scope", "invalid_target"])
def test_what_a_client_did_wrong_is_told_in_characters_of_rfc_6749(error: str) -> None:
    said = refused(REFUSED_GRANT, "the audit's", error).description
    assert re.fullmatch(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+", said)  # section 5.2
    assert "audit" not in said


def test_what_may_be_a_guess_is_not_told() -> None:
    assert refused(REFUSED_GRANT, "code_verifier", "invalid_grant").description == ""
    assert refused(REFUSED_GRANT, "", "invalid_target", "another").description == "another"
