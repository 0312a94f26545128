"""Mutual TLS, at the scheme: which certificates prove which subjects."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field

import pytest

from tests.certificates import DAY, NOW, Made, crl_of, make, uri
from tests.codec.test_x509 import second_form
from watchword.codec.secrets import digest
from watchword.codec.subject_rule import parse_rule
from watchword.codec.x509 import ChainVerifier, RevocationLists
from watchword.model import reason
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import Reason
from watchword.model.records import Subject
from watchword.model.request import Peer, Request
from watchword.model.verdict import Principal, Rate, Rejection
from watchword.schemes.mtls import Mtls
from watchword.sync import run_sync
from watchword.verdicts import Verdicts

CA = make(common="Test CA", ca=True, span=(-DAY, 3650 * DAY))
BILLING = make(CA, [uri("service:billing")], common="billing")
ALICE = make(CA, [uri("user:alice")], common="alice")


@dataclass
class FewRecords:
    """Hold records in dicts, and count look-ups."""

    credentials: dict[bytes, Credential] = field(default_factory=dict)
    people: dict[str, Subject] = field(default_factory=dict)
    asked: int = 0
    broken: bool = False

    async def credential_by(self, lookup: bytes) -> Credential | None:
        self.asked += 1
        if self.broken:
            raise Unavailable("the store is away")
        return self.credentials.get(lookup)

    async def subject(self, name: str) -> Subject | None:
        self.asked += 1
        return self.people.get(name)


class House:
    """A scheme with its records, cache and clock."""

    def __init__(self, rule: str | None = None, crl: bytes | None = None, ca: bytes = CA.pem) -> None:
        self.now: float = NOW
        self.records = FewRecords()
        self.verdicts = Verdicts()
        verifier = ChainVerifier(ca)
        self.scheme = Mtls(
            self.records,  # type: ignore[arg-type]
            self.verdicts,
            verifier,
            None if rule is None else parse_rule(rule),
            crl=None if crl is None else RevocationLists(crl, verifier),
            scopes=frozenset({"outside"}),
            clock=lambda: self.now,
        )
        for name in ("service:billing", "user:alice"):
            self.records.people[name] = Subject(name, NOW)
        for id, subject, made in (("crt_b", "service:billing", BILLING), ("crt_a", "user:alice", ALICE)):
            self.add(Credential(id, Kind.CLIENT_CERT, subject, NOW, frozenset({"s"}), lookup=digest(made.der)))

    def add(self, record: Credential) -> None:
        assert record.lookup is not None
        self.records.credentials[record.lookup] = record

    def change(self, made: Made, **fields: object) -> None:
        self.add(self.records.credentials[digest(made.der)].changed(**fields))

    def ask(self, der: bytes) -> Principal | Rejection:
        request = Request("GET", b"/", b"", [], Peer("127.0.0.1", tls=True, certificate=der))
        credential = self.scheme.read(request)
        assert credential == der
        verdict = self.scheme.verify(credential, request)
        return run_sync(_await(verdict)) if isinstance(verdict, Awaitable) else verdict

    def refusal(self, der: bytes) -> Reason:
        verdict = self.ask(der)
        assert isinstance(verdict, Rejection), verdict
        assert len(self.verdicts) == 0, "a refusal must not be remembered as a principal"
        return verdict.reason


async def _await(soon: Awaitable[Principal | Rejection]) -> Principal | Rejection:
    return await soon


def test_no_certificate_is_absent() -> None:
    request = Request("GET", b"/", b"", [], Peer("127.0.0.1", tls=True))
    assert House().scheme.read(request) is None


def test_header_fields_are_no_certificate() -> None:
    """CVE-2024-10039: only the transport may say which certificate was shown."""
    headers = [(name, BILLING.pem) for name in (b"x-forwarded-client-cert", b"client-cert", b"ssl-client-cert")]
    assert House().scheme.read(Request("GET", b"/", b"", headers, Peer("127.0.0.1", tls=True))) is None


def test_a_certificate_proves_the_subject_of_its_record() -> None:
    house = House()
    house.change(BILLING, limit=Rate(5, 60), networks=("10.0.0.0/8",), expires_at=NOW + DAY)
    principal = house.ask(BILLING.der)
    assert isinstance(principal, Principal)
    assert (principal.subject, principal.scheme, principal.credential) == ("service:billing", "mtls", "crt_b")
    assert (principal.scopes, principal.factors, principal.authenticated_at) == (frozenset({"s"}), ("pop",), NOW)
    assert principal.constraints.limit == Rate(5, 60)
    assert [str(network) for network in principal.constraints.networks] == ["10.0.0.0/8"]
    assert principal.constraints.expires_at == NOW + DAY


def test_two_clients_are_never_mixed_up() -> None:
    house = House()
    for _ in range(2):
        for made, subject in ((BILLING, "service:billing"), (ALICE, "user:alice")):
            principal = house.ask(made.der)
            assert isinstance(principal, Principal)
            assert principal.subject == subject


def test_the_second_time_is_answered_at_once() -> None:
    house = House()
    first = house.ask(BILLING.der)
    asked = house.records.asked
    request = Request("GET", b"/", b"", [], Peer(certificate=BILLING.der))
    assert house.scheme.verify(BILLING.der, request) is first
    assert house.records.asked == asked


def test_a_verdict_is_believed_for_a_minute_at_most() -> None:
    house = House()
    house.ask(BILLING.der)
    house.change(BILLING, revoked_at=NOW + 1)
    house.now = NOW + 59
    assert isinstance(house.ask(BILLING.der), Principal)
    house.now = NOW + 60
    assert house.refusal(BILLING.der) is reason.REVOKED


@pytest.mark.parametrize("tag", ["credential:crt_b", "subject:service:billing"])
def test_the_feed_evicts_at_once(tag: str) -> None:
    house = House()
    house.ask(BILLING.der)
    house.change(BILLING, revoked_at=NOW)
    house.verdicts.evict(tag)
    assert house.refusal(BILLING.der) is reason.REVOKED


def test_a_revocation_during_the_look_up_is_not_outlived() -> None:
    house = House()
    verdict = house.scheme.verify(BILLING.der, Request("GET", b"/", b"", [], Peer(certificate=BILLING.der)))
    assert isinstance(verdict, Awaitable)
    read = house.records.subject

    async def slow(name: str) -> Subject | None:
        house.verdicts.evict("credential:crt_b")
        return await read(name)

    house.records.subject = slow  # type: ignore[method-assign]
    assert isinstance(run_sync(_await(verdict)), Principal)
    assert len(house.verdicts) == 0


def test_a_verdict_ends_with_the_certificate_and_with_the_record() -> None:
    house = House()
    house.now = NOW + 30 * DAY - 10  # the certificate's last seconds
    house.ask(BILLING.der)
    house.now += 11
    assert house.refusal(BILLING.der) is reason.EXPIRED
    house = House()
    house.change(BILLING, retire_at=NOW + 5)
    assert isinstance(house.ask(BILLING.der), Principal)
    house.now += 5
    assert house.refusal(BILLING.der) is reason.RETIRED


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"revoked_at": NOW}, reason.REVOKED),
        ({"leaked": True}, reason.REVOKED),
        ({"expires_at": NOW}, reason.EXPIRED),
        ({"not_before": NOW + 1}, reason.NOT_YET_VALID),
        ({"retire_at": NOW}, reason.RETIRED),
        ({"kind": Kind.API_KEY}, reason.UNKNOWN_CREDENTIAL),
        ({"subject": "user:alice"}, reason.SUBJECT_MISMATCH),
        ({"subject": "user:gone"}, reason.SUBJECT_DISABLED),
    ],
)
def test_records_that_refuse(fields: dict[str, object], expected: Reason) -> None:
    house = House()
    house.change(BILLING, **fields)
    assert house.refusal(BILLING.der) is expected


def test_a_disabled_subject() -> None:
    house = House()
    house.records.people["service:billing"] = Subject("service:billing", NOW, disabled_at=NOW)
    assert house.refusal(BILLING.der) is reason.SUBJECT_DISABLED


def test_a_certificate_of_our_ca_that_is_not_on_record() -> None:
    assert House().refusal(make(CA, [uri("service:billing")]).der) is reason.UNKNOWN_CREDENTIAL


def test_a_rewritten_signature_is_not_on_record() -> None:
    assert House().refusal(second_form(BILLING)) is reason.UNKNOWN_CREDENTIAL


def test_forged_certificates() -> None:
    house = House()
    twin = make(common="Test CA", ca=True)
    assert house.refusal(make(twin, [uri("service:billing")]).der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(make(None, [uri("service:billing")], common="billing").der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(CA.der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(make(CA, [uri("user:a")], usages=()).der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(make(CA, [uri("user:a")], span=(-90, -30)).der) is reason.EXPIRED
    assert house.refusal(make(CA, [uri("user:a")], span=(30, 90)).der) is reason.NOT_YET_VALID
    assert house.refusal(BILLING.der + b"\0") is reason.MALFORMED_CREDENTIAL
    assert house.refusal(b"\x30\x00") is reason.MALFORMED_CREDENTIAL
    assert house.refusal(make(CA, [uri("user:a\0")]).der) is reason.MALFORMED_CREDENTIAL
    assert house.records.asked == 0


def test_being_on_record_does_not_replace_the_chain() -> None:
    house = House()
    forged = make(None, [uri("service:billing")])
    house.add(Credential("crt_x", Kind.CLIENT_CERT, "service:billing", NOW, lookup=digest(forged.der)))
    assert house.refusal(forged.der) is reason.UNTRUSTED_CERTIFICATE


def test_a_broken_store_is_broken() -> None:
    house = House()
    house.records.broken = True
    with pytest.raises(Unavailable):
        house.ask(BILLING.der)


def test_an_outside_ca_names_subjects_by_rule() -> None:
    house = House("urn | cn:service")
    house.records.credentials.clear()
    principal = house.ask(ALICE.der)
    assert isinstance(principal, Principal)
    assert principal.subject == "user:alice"
    assert principal.credential == f"x509:{ALICE.certificate.serial_number:x}"
    assert principal.scopes == frozenset({"outside"})
    assert principal.constraints.expires_at == NOW + 30 * DAY
    by_name = house.ask(make(CA, common="Billing").der)
    assert isinstance(by_name, Principal)
    assert by_name.subject == "service:billing"


def test_an_outside_certificate_must_name_one_known_enabled_subject() -> None:
    house = House("urn")
    assert house.refusal(make(CA, [uri("user:a"), uri("user:b")]).der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(make(CA, common="alice").der) is reason.UNTRUSTED_CERTIFICATE
    assert house.refusal(make(CA, [uri("user:nobody")]).der) is reason.UNKNOWN_CREDENTIAL
    house.records.people["user:alice"] = Subject("user:alice", NOW, disabled_at=NOW)
    assert house.refusal(ALICE.der) is reason.SUBJECT_DISABLED


def test_an_outside_certificate_on_its_crl() -> None:
    house = House("urn", crl_of(CA, [ALICE.certificate.serial_number]))
    assert house.refusal(ALICE.der) is reason.REVOKED
    assert house.refusal(second_form(ALICE)) is reason.REVOKED
    assert isinstance(house.ask(BILLING.der), Principal)


def test_an_expired_crl_is_broken_even_for_those_verified_before() -> None:
    house = House("urn", crl_of(CA, [], next_update=NOW + 10))
    assert isinstance(house.ask(BILLING.der), Principal)
    house.now += 10
    with pytest.raises(Unavailable):
        house.ask(BILLING.der)


def test_a_newer_crl_takes_over() -> None:
    house = House("urn", crl_of(CA, []))
    verifier = ChainVerifier(CA.pem)
    assert isinstance(house.ask(ALICE.der), Principal)
    house.scheme.trust(verifier, RevocationLists(crl_of(CA, [ALICE.certificate.serial_number]), verifier))
    assert house.refusal(ALICE.der) is reason.REVOKED


def test_who_is_trusted_can_change() -> None:
    house = House()
    assert isinstance(house.ask(BILLING.der), Principal)
    house.scheme.trust(ChainVerifier(make(common="New CA", ca=True).pem))
    assert house.refusal(BILLING.der) is reason.UNTRUSTED_CERTIFICATE
    house.scheme.trust(ChainVerifier(CA.pem))
    assert isinstance(house.ask(BILLING.der), Principal)


def test_nobody_is_trusted_before_a_ca_is_known() -> None:
    house = House()
    house.scheme = Mtls(house.records, house.verdicts, clock=lambda: house.now)  # type: ignore[arg-type]
    assert house.refusal(BILLING.der) is reason.UNTRUSTED_CERTIFICATE


def test_no_challenge_and_its_description() -> None:
    scheme = House().scheme
    assert scheme.challenge(None) is None
    assert scheme.challenge(Rejection(reason.EXPIRED)) is None
    assert scheme.describe()["type"] == "mutualTLS"
    assert (scheme.name, scheme.needs_body) == ("mtls", False)
