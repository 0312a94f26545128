"""Whether a stored credential may be used now, one way for every scheme."""

from __future__ import annotations

from ipaddress import ip_network

from watchword.model.credential import Credential, Kind
from watchword.model.records import Add, Subject
from watchword.model.verdict import Rate
from watchword.standing import VERDICT_TTL, principal_of, standing, until
from watchword.stores.memory import MemoryStore
from watchword.sync import run_sync

NOW = 1_800_000_000.0


def record(**fields: object) -> Credential:
    return Credential("key_1", Kind.API_KEY, "user:alice", 0, **fields)  # type: ignore[arg-type]


def judged(
    credential: Credential | None, *, disabled: bool = False, known: bool = True, kind: Kind = Kind.API_KEY
) -> str:
    store = MemoryStore()
    if known:
        run_sync(store.write(Add(Subject("user:alice", 0, disabled_at=1 if disabled else None))))
    refused = run_sync(standing(store, credential, kind, NOW))
    return "" if refused is None else refused.reason.code


def test_a_usable_credential_may_be_used() -> None:
    assert judged(record()) == ""
    assert judged(record(expires_at=int(NOW) + 1, retire_at=int(NOW) + 1, not_before=int(NOW))) == ""


def test_every_state_has_its_refusal() -> None:
    now = int(NOW)
    assert judged(None) == "unknown_credential"
    assert judged(record(expires_at=now)) == "expired"
    assert judged(record(retire_at=now)) == "retired"
    assert judged(record(not_before=now + 1)) == "not_yet_valid"
    assert judged(record(revoked_at=now + 100)) == "revoked"
    assert judged(record(leaked=True)) == "revoked"


def test_a_credential_of_another_kind_is_unknown() -> None:
    for kind in Kind:
        if kind is not Kind.API_KEY:
            assert judged(record(), kind=kind) == "unknown_credential"


def test_the_subject_must_be_there_and_enabled() -> None:
    assert judged(record(), disabled=True) == "subject_disabled"
    assert judged(record(), known=False) == "subject_disabled"


def test_a_verdict_is_believed_for_a_while_and_never_past_the_end() -> None:
    now = int(NOW)
    assert until(record(), NOW) == NOW + VERDICT_TTL
    assert until(record(expires_at=now + 5), NOW) == now + 5
    assert until(record(expires_at=now + 500, retire_at=now + 7), NOW) == now + 7
    assert until(record(expires_at=now + 500), NOW) == NOW + VERDICT_TTL
    assert until(record(), NOW, 1.0) == NOW + 1


def test_the_principal_carries_what_the_record_allows() -> None:
    limited = record(scopes=frozenset({"a"}), networks=("10.0.0.0/8",), limit=Rate(5, 60), expires_at=99)
    principal = principal_of(limited, "api-key", 12.9, ("pwd",), "service:app")
    assert (principal.subject, principal.scheme, principal.credential) == ("user:alice", "api-key", "key_1")
    assert (principal.scopes, principal.factors) == (frozenset({"a"}), ("pwd",))
    assert (principal.authenticated_at, principal.actor) == (12, "service:app")
    assert principal.constraints.networks == (ip_network("10.0.0.0/8"),)
    assert (principal.constraints.limit, principal.constraints.expires_at) == (Rate(5, 60), 99)
