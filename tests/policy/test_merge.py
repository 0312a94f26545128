"""Two proofs, one principal: never more than each alone would give."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchword.model.reason import NETWORK_NOT_ALLOWED, SUBJECT_MISMATCH
from watchword.model.verdict import NO_CONSTRAINTS, Constraints, Network, Principal, Rate, Rejection
from watchword.policy.merge import acting, narrowed, together

CERT = Principal("service:b", "mtls", "crt_1", frozenset({"r", "w"}), ("x509",), 10)
SIGNED = Principal("service:b", "hmac", "hk_1", frozenset({"r", "x"}), ("pop", "x509"), 20, {"k": 1})
ALICE = Principal("user:alice", "jwt", "fam_1", frozenset({"r", "q"}), ("pwd", "otp"), 30, {"iss": "i"})


def _nets(*texts: str) -> tuple[Network, ...]:
    return tuple(ip_network(text) for text in texts)


def test_together_takes_the_least_of_the_scopes_and_the_sum_of_the_factors() -> None:
    assert together("mtls & hmac", "crt_1+hk_1", [CERT, SIGNED]) == Principal(
        "service:b", "mtls & hmac", "crt_1+hk_1", frozenset({"r"}), ("x509", "pop"), 10, {"k": 1}
    )


@pytest.mark.parametrize("order", [1, -1])
def test_together_refuses_two_subjects(order: int) -> None:
    verdict = together("s", "c", [CERT, ALICE][::order])
    assert isinstance(verdict, Rejection)
    assert verdict.reason is SUBJECT_MISMATCH
    assert (verdict.scheme, verdict.credential) == ("s", "c")


def test_together_keeps_the_one_actor_and_refuses_two() -> None:
    through = acting("jwt via mtls", "fam_1+crt_1", ALICE, CERT)
    assert isinstance(through, Principal)
    for proofs in ([through, ALICE], [ALICE, through], [through, through]):
        verdict = together("s", "c", proofs)
        assert isinstance(verdict, Principal)
        assert verdict.actor == "service:b"
    other = acting("jwt via api-key", "fam_1+key_1", ALICE, Principal("service:z", "api-key", "key_1"))
    assert isinstance(other, Principal)
    verdict = together("s", "c", [through, other])
    assert isinstance(verdict, Rejection)
    assert verdict.reason is SUBJECT_MISMATCH


def test_acting_keeps_the_user_and_records_the_application() -> None:
    assert acting("jwt via mtls", "fam_1+crt_1", ALICE, CERT) == Principal(
        "user:alice",
        "jwt via mtls",
        "fam_1+crt_1",
        frozenset({"r"}),
        ("pwd", "otp"),
        30,
        {"iss": "i"},
        "service:b",
    )


def test_acting_refuses_an_application_that_acts_through_another() -> None:
    through = acting("jwt via mtls", "fam_1+crt_1", ALICE, CERT)
    assert isinstance(through, Principal)
    verdict = acting("s", "c", Principal("user:bob", "session", "ses_1"), through)
    assert isinstance(verdict, Rejection)
    assert verdict.reason is SUBJECT_MISMATCH


def test_acting_refuses_a_token_that_was_issued_to_another_application() -> None:
    token = Principal("user:alice", "oauth2", "fam_2", actor="service:other")
    verdict = acting("s", "c", token, CERT)
    assert isinstance(verdict, Rejection)
    assert verdict.reason is SUBJECT_MISMATCH
    same = acting("s", "c", Principal("user:alice", "oauth2", "fam_2", actor="service:b"), CERT)
    assert isinstance(same, Principal)
    assert same.actor == "service:b"


def test_networks_without_a_common_address_never_become_no_constraint() -> None:
    one, other = Constraints(_nets("10.0.0.0/8")), Constraints(_nets("192.168.0.0/16", "::/0"))
    refused = narrowed(one, other)
    assert isinstance(refused, Rejection)
    assert refused.reason is NETWORK_NOT_ALLOWED
    first = Principal("service:b", "mtls", "crt_1", constraints=one)
    second = Principal("service:b", "hmac", "hk_1", constraints=other)
    for verdict in (together("s", "c", [first, second]), acting("s", "c", first, second)):
        assert isinstance(verdict, Rejection)
        assert verdict.reason is NETWORK_NOT_ALLOWED
        assert (verdict.scheme, verdict.credential) == ("s", "c")


def test_three_networks_are_met_by_all_three() -> None:
    nets = [_nets("10.0.0.0/8"), _nets("10.1.0.0/16", "10.2.0.0/16"), _nets("10.2.3.0/24", "172.16.0.0/12")]
    proofs = [Principal("service:b", "s", str(i), constraints=Constraints(net)) for i, net in enumerate(nets)]
    verdict = together("s", "c", proofs)
    assert isinstance(verdict, Principal)
    assert verdict.constraints.networks == _nets("10.2.3.0/24")


_networks = st.one_of(
    st.tuples(st.integers(0, 7), st.integers(29, 32)).map(lambda p: ip_network((p[0], p[1]), strict=False)),
    st.tuples(st.integers(0, 7), st.integers(125, 128)).map(
        lambda p: ip_network((p[0].to_bytes(16), p[1]), strict=False)
    ),
)
_ADDRESSES = [ip_address(n) for n in range(16)] + [ip_address(n.to_bytes(16)) for n in range(16)]


@given(st.lists(_networks, max_size=4).map(tuple), st.lists(_networks, max_size=4).map(tuple))
def test_an_address_passes_both_exactly_when_it_passes_each(one: tuple[Network, ...], two: tuple[Network, ...]) -> None:
    merged = narrowed(Constraints(one), Constraints(two))
    for address in _ADDRESSES:
        each = all(not nets or any(address in net for net in nets) for nets in (one, two))
        if isinstance(merged, Rejection):
            assert not each
        else:
            both = not merged.networks or any(address in net for net in merged.networks)
            assert both == each


@pytest.mark.parametrize(
    ("one", "two", "least"),
    [
        (Rate(10, 1), Rate(1000, 86400), Rate(1000, 86400)),
        (Rate(600, 60), Rate(10, 1), Rate(10, 1)),
        (Rate(5, 60), Rate(5, 60), Rate(5, 60)),
        (Rate(5, 60), None, Rate(5, 60)),
        (None, None, None),
    ],
)
def test_the_lower_rate_holds_in_either_order(one: Rate | None, two: Rate | None, least: Rate | None) -> None:
    for left, right in ((one, two), (two, one)):
        merged = narrowed(Constraints(limit=left, expires_at=9.0), Constraints(limit=right))
        assert merged == Constraints(limit=least, expires_at=9.0)


def test_the_earlier_end_holds() -> None:
    assert narrowed(Constraints(expires_at=5.0), Constraints(expires_at=3.0)) == Constraints(expires_at=3.0)
    assert narrowed(NO_CONSTRAINTS, Constraints(expires_at=0.0)) == Constraints(expires_at=0.0)
    assert narrowed(NO_CONSTRAINTS, Constraints()) is NO_CONSTRAINTS
