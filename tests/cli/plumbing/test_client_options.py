"""The options of clients: every field has one, and no two are alike."""

from __future__ import annotations

from watchword.cli.plumbing.client_options import _ROWS, flag_of
from watchword.lifecycle.clients.fields import FIELDS


def test_every_field_of_a_client_has_an_option() -> None:
    assert set(FIELDS) - {row.field.partition(".")[0] for row in _ROWS} == set()


def test_no_two_options_are_alike() -> None:
    assert len({row.option for row in _ROWS}) == len({row.field for row in _ROWS}) == len(_ROWS)


def test_a_field_is_named_by_its_option() -> None:
    assert flag_of("redirect_uris") == "--redirect-uri"
    assert flag_of("public") == "--public"
    assert flag_of("exchange") == "--impersonate"
    assert flag_of("unheard_of") == "unheard_of"
