"""Rights for one act, without HTTP: RFC 9396."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.lifecycle.oauth.authorization.details import LONGEST, details_of, narrowed, within

# RFC 9396 section 2, figure 2
PAYMENT: dict[str, Any] = {
    "type": "payment_initiation",
    "actions": ["initiate", "status", "cancel"],
    "locations": ["https://example.com/payments"],
    "instructedAmount": {"currency": "EUR", "amount": "123.50"},
    "creditorName": "Merchant A",
    "creditorAccount": {"iban": "DE02100100109307118603"},
    "remittanceInformationUnstructured": "Ref Number Merchant",
}
ACCOUNTS: dict[str, Any] = {"type": "account_information", "actions": ["list_accounts", "read_balances"]}
KNOWN = {"payment_initiation", "account_information"}


def test_rfc9396_2_example() -> None:
    assert details_of(json.dumps([PAYMENT, ACCOUNTS]), KNOWN) == (PAYMENT, ACCOUNTS)


@pytest.mark.parametrize(
    "value",
    [
        "",
        "[]",
        "{}",
        "null",
        "[1]",
        "[{}]",
        json.dumps(PAYMENT),
        '[{"type": 1}]',
        '[{"type": "unknown"}]',
        '[{"type": ["payment_initiation"]}]',
        '[{"type": "payment_initiation", "type": "account_information"}]',
        '[{"type": "payment_initiation", "actions": "initiate"}]',
        '[{"type": "payment_initiation", "locations": [1]}]',
        '[{"type": "payment_initiation", "identifier": 1}]',
        '[{"type": "payment_initiation", "amount": NaN}]',
        '[{"type": "payment_initiation"}], "details": []',
        '[{"type": "payment_initiation"}], "other": []',
        '[{"type": "payment_initiation"}]}',
        json.dumps([{"type": "payment_initiation"}] * 11),
        json.dumps([{"type": "payment_initiation", "x": "y" * LONGEST}]),
        '[{"type": "payment_initiation", "x": ' + "[" * 40 + "]" * 40 + "}]",
        '[{"type": "\ud800"}]',
    ],
)
def test_rfc9396_5_what_is_refused(value: str) -> None:
    assert details_of(value, KNOWN) is None


def test_no_type_is_known_by_itself() -> None:
    assert details_of(json.dumps([PAYMENT]), ()) is None


@given(st.text(max_size=80))
def test_no_text_breaks_it(text: str) -> None:
    assert details_of(text, KNOWN) is None or text.strip().startswith("[")


@pytest.mark.parametrize(
    ("change", "fits"),
    [
        ({}, True),
        ({"actions": ["status"]}, True),
        ({"actions": []}, True),
        ({"actions": ["initiate", "delete"]}, False),
        ({"actions": None}, False),
        ({"datatypes": ["x"]}, False),
        ({"instructedAmount": {"currency": "EUR", "amount": "1123.50"}}, False),
        ({"creditorName": "Merchant B"}, False),
        ({"more": 1}, False),
        ({"type": "account_information"}, False),
    ],
)
def test_rfc9396_6_narrowing_only(change: dict[str, Any], fits: bool) -> None:
    wanted = {name: value for name, value in {**PAYMENT, **change}.items() if value is not None}
    assert within(wanted, PAYMENT) is fits
    text = json.dumps([wanted])
    assert narrowed(text, (PAYMENT, ACCOUNTS)) == ((wanted,) if fits else None)


def test_without_the_parameter_all_that_was_granted_is_meant() -> None:
    assert narrowed("", (PAYMENT, ACCOUNTS)) == (PAYMENT, ACCOUNTS)
    assert narrowed(json.dumps([ACCOUNTS]), (PAYMENT, ACCOUNTS)) == (ACCOUNTS,)
    assert narrowed(json.dumps([ACCOUNTS]), ()) is None
