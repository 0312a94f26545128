"""Which name of a certificate is its subject."""

from __future__ import annotations

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.certificates import make, uri
from watchword.codec.names import normal_name
from watchword.codec.subject_rule import OWN_RULE, parse_rule, subject_of, subject_uri
from watchword.codec.x509 import ClientCertificate, parse_certificate

CA = make(common="Test CA", ca=True)
DNS, EMAIL, URI = x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier


def subject(rule: str, *names: x509.GeneralName, common: str | list[str] = "leaf") -> str | None:
    certificate = parse_certificate(make(CA, names, common=common).der)
    assert isinstance(certificate, ClientCertificate)
    return subject_of(certificate, parse_rule(rule))


def test_one_name_of_the_kind_is_the_subject() -> None:
    assert subject("urn", uri("service:billing")) == "service:billing"
    assert subject("dns:service", DNS("billing.example.com")) == "service:billing.example.com"
    assert subject("email:user", EMAIL("alice@example.com")) == "user:alice@example.com"
    assert subject("cn:service", common="billing") == "service:billing"
    assert subject("uri:service:spiffe://prod.example/", URI("spiffe://prod.example/billing")) == "service:billing"


def test_names_that_have_no_case_lose_it() -> None:
    assert subject("dns:service", DNS("Billing.Example.COM")) == "service:billing.example.com"
    assert subject("email:user", EMAIL("Alice@Example.com")) == "user:alice@example.com"
    assert subject("cn:user", common="Alice") == "user:alice"
    assert subject("uri:service:spiffe://p/", URI("spiffe://p/Billing")) is None


def test_two_names_of_the_kind_name_nobody() -> None:
    assert subject("urn", uri("service:a"), uri("service:b")) is None
    assert subject("urn", uri("service:a"), URI("https://example.com/")) is None
    assert subject("dns:service", DNS("a.example"), DNS("b.example")) is None
    assert subject("dns:service", DNS("a.example"), DNS("a.example")) is None
    assert subject("cn:service", common=["a", "b"]) is None
    assert subject("uri:user:x:", URI("x:a"), URI("y:b")) is None


def test_no_name_of_the_kind_names_nobody() -> None:
    assert subject("dns:service", EMAIL("a@example.com"), common="a") is None


def test_the_first_step_that_finds_a_name_decides() -> None:
    rule = "uri:service:spiffe://p/ | dns:service | cn:user"
    assert subject(rule, DNS("a.example"), URI("spiffe://p/b")) == "service:b"
    assert subject(rule, DNS("a.example"), URI("https://q/b")) == "service:a.example"
    assert subject(rule, common="carol") == "user:carol"
    assert subject(rule, DNS("a.example"), DNS("b.example"), common="carol") is None


@pytest.mark.parametrize("name", ["*.example.com", "a/b", "a:b", "", "."])
def test_what_is_no_account_name_names_nobody(name: str) -> None:
    assert subject("uri:service:x!", URI(f"x!{name}")) is None


@pytest.mark.parametrize("common", ["\u24d1illing", "ﬁnance", "\u212a", "\u0130", "Αlice", "a b"])
def test_names_that_only_folding_makes_equal_name_nobody(common: str) -> None:
    assert subject("cn:service", common=common) is None


def test_a_wildcard_names_nobody() -> None:
    assert subject("dns:service", DNS("*.example.com")) is None


@pytest.mark.parametrize(
    "text",
    [
        "urn:watchword:service:bill%69ng",  # a second spelling
        "urn:watchword:user:al%00ice",
        "urn:watchword:user:%ff",
        "urn:watchword:user:",
        "urn:watchword:root:alice",
        "urn:watchword:",
        "URN:watchword:user:alice",
        "urn:watchword:user:alice?x",
        "urn:other:user:alice",
        "user:alice",
        "watchword:user:alice",
    ],
)
def test_forged_forms_of_our_uri_name_nobody(text: str) -> None:
    assert subject("urn", URI(text)) is None


@given(st.sampled_from(["user", "service"]), st.text(min_size=1, max_size=30))
def test_every_account_name_has_its_uri_and_back(kind: str, text: str) -> None:
    name = normal_name(text)
    if name is None:
        return
    certificate = ClientCertificate(b"", 1, 0, 0, uris=(subject_uri(f"{kind}:{name}"),), parsed=CA.certificate)
    assert certificate.uris[0].isascii()
    assert subject_of(certificate, OWN_RULE) == f"{kind}:{name}"


def test_only_subjects_have_uris() -> None:
    assert subject_uri("user:zoë") == "urn:watchword:user:zo%C3%AB"
    for text in ("alice", "root:alice", "user:", ""):
        with pytest.raises(ValueError, match="not a subject"):
            subject_uri(text)


@pytest.mark.parametrize(
    "text", ["urn", "dns:service", "uri:service:spiffe://prod.example/ | email:user", "cn:user | urn"]
)
def test_rules_print_as_they_are_written(text: str) -> None:
    assert str(parse_rule(text)) == text
    assert parse_rule(str(parse_rule(text))) == parse_rule(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "position 0: unknown word ''; use one of"),
        ("dsn:service", "position 0: unknown word 'dsn'; did you mean 'dns'"),
        ("dns", "position 3|position 4: unknown word ''"),
        ("dns:service | emial:user", "position 14: unknown word 'emial'; did you mean 'email'"),
        ("cn:sevrice", "position 3: unknown word 'sevrice'; did you mean 'service'"),
        ("urn:service", "position 0: 'urn' stands alone"),
        ("dns:service |", "position 13: unknown word ''"),
    ],
)
def test_a_wrong_rule_names_the_place_and_the_word(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_rule(text)
