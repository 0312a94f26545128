"""The options of clients: every field has one, and no two are alike."""

from __future__ import annotations

import pytest

from watchword.cli.plumbing.client_options import _ROWS, refusing_fields
from watchword.cli.plumbing.shell import Stop
from watchword.lifecycle.clients.fields import FIELDS, FieldError, settled


def test_every_field_of_a_client_has_an_option() -> None:
    assert set(FIELDS) - {row.field.partition(".")[0] for row in _ROWS} == set()


def test_no_two_options_are_alike() -> None:
    assert len({row.option for row in _ROWS}) == len({row.field for row in _ROWS}) == len(_ROWS)


@pytest.mark.parametrize(
    ("field", "option"),
    [("redirect_uris", "--redirect-uri"), ("public", "--public"), ("exchange", "--impersonate"), ("new", "new")],
)
def test_a_field_is_named_by_its_option(field: str, option: str) -> None:
    with pytest.raises(Stop, match=f"^{option}: wrong$"), refusing_fields():
        raise FieldError(field, f"{field}: wrong")


def test_what_to_do_is_said_in_options() -> None:
    with pytest.raises(Stop) as stopped, refusing_fields():
        settled({"auth_method": "tls_client_auth"})
    assert str(stopped.value) == "--auth-method: tls_client_auth needs one name of the certificate"
    assert stopped.value.hint.startswith("one of --tls-subject-dn, --tls-san-dns, ")
    with pytest.raises(Stop, match=r"^--jwks-uri: --jwks-uri and jwks exclude each other$"), refusing_fields():
        raise FieldError("jwks_uri", "jwks_uri and jwks exclude each other")
