"""What a token is bound to, and what its family is."""

from __future__ import annotations

import pytest

from watchword.lifecycle.oauth.terms import Sender, family_cnf
from watchword.model.credential import Credential, Kind


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
