"""Passkeys' bytes: the test vectors of Web Authentication level 3, section 16, then forgeries, then garbage."""

from __future__ import annotations

import copy
import json
import time
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.authenticator import AT, BE, BS, EDDSA, ES256, RS256, UP, UV, Authenticator, b64, raw
from watchword.codec.webauthn import Asserted, Registered, Site, assertion_of, registration_of
from watchword.model.verdict import Rejection

# Values of the specification's section 16, whose site is example.org.
VECTORS: dict[str, Any] = json.loads(Path(__file__).with_name("webauthn_vectors.json").read_text())
EXAMPLE = Site("example.org", "Example", ("https://example.org",))
SITE = Site("id.example", "Acme", ("https://id.example", "https://login.id.example"))
CHALLENGE = bytes(range(32))
FLAGS = {"none-es256": (False, True), "packed-self-es256": (True, True), "packed-eddsa": (False, False)}


def shown(vector: dict[str, Any], ceremony: str, *members: str) -> dict[str, Any]:
    id = b64(bytes.fromhex(vector["credential_id"]))
    inner = {name: b64(bytes.fromhex(vector[ceremony][name])) for name in members}
    return {"id": id, "rawId": id, "type": "public-key", "response": inner}


def registered(name: str) -> Registered | Rejection:
    vector = VECTORS[name]
    response = shown(vector, "registration", "clientDataJSON", "attestationObject")
    return registration_of(response, bytes.fromhex(vector["registration"]["challenge"]), EXAMPLE)


@pytest.mark.parametrize(
    "name",
    [
        "none-es256",
        "packed-self-es256",
        "none-es256-long-credential-id",
        "packed-es256",
        "packed-rs256",
        "packed-eddsa",
    ],
)
def test_section_16_registration_and_authentication(name: str) -> None:
    vector, made = VECTORS[name], registered(name)
    assert isinstance(made, Registered), made
    assert made.credential_id.hex() == vector["credential_id"]
    assert made.aaguid.replace("-", "") == vector["aaguid"]
    assert made.format == name.partition("-")[0]
    answer = assertion_of(shown(vector, "authentication", "clientDataJSON", "authenticatorData", "signature"))
    assert not isinstance(answer, Rejection)
    challenge = bytes.fromhex(vector["authentication"]["challenge"])
    proof = answer.verify(challenge, EXAMPLE, made.public_key, user_verification=False)
    assert isinstance(proof, Asserted), proof
    assert proof.backup_eligible is made.backup_eligible
    if name in FLAGS:
        assert (made.user_verified, made.backed_up) == FLAGS[name]


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("none-es256-cross-origin", "wrong_audience"),
        ("none-es256-top-origin", "wrong_audience"),
        ("packed-es384", "bad_signature"),  # an algorithm that was not offered
        ("apple-es256", "bad_type"),  # formats that are not asked for
        ("fido-u2f-es256", "bad_type"),
    ],
)
def test_section_16_what_is_not_accepted_here(name: str, code: str) -> None:
    refused = registered(name)
    assert isinstance(refused, Rejection)
    assert refused.reason.code == code


@pytest.mark.parametrize("place", [0, 40, 60, -1])
def test_section_16_a_bad_attestation_is_refused(place: int) -> None:
    """One bit of the packed statement's signature or of what it signs."""
    vector = copy.deepcopy(VECTORS["packed-es256"])
    whole = cbor2.loads(bytes.fromhex(vector["registration"]["attestationObject"]))
    target = bytearray(whole["attStmt"]["sig"])
    target[place] ^= 1
    whole["attStmt"]["sig"] = bytes(target)
    vector["registration"]["attestationObject"] = cbor2.dumps(whole).hex()
    response = shown(vector, "registration", "clientDataJSON", "attestationObject")
    refused = registration_of(response, bytes.fromhex(vector["registration"]["challenge"]), EXAMPLE)
    assert isinstance(refused, Rejection)
    assert refused.reason.code == "bad_signature"


# --- our own authenticator: right answers, then each thing wrong ----------------------------------------------------


def creation(**more: Any) -> dict[str, Any]:
    return {
        "rp": {"id": "id.example", "name": "Acme"},
        "user": {"id": b64(b"user-1"), "name": "alice", "displayName": "Alice"},
        "challenge": b64(CHALLENGE),
        "pubKeyCredParams": [{"type": "public-key", "alg": each} for each in (ES256, EDDSA, RS256)],
        "excludeCredentials": [],
        **more,
    }


def request(**more: Any) -> dict[str, Any]:
    return {"challenge": b64(CHALLENGE), "rpId": "id.example", "allowCredentials": [], **more}


def made_by(authenticator: Authenticator, attestation: str = "none", **wrong: Any) -> Registered | Rejection:
    return registration_of(authenticator.create(creation(), attestation=attestation, **wrong), CHALLENGE, SITE)


@pytest.mark.parametrize("attestation", ["none", "packed", "packed-x5c"])
@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_every_algorithm_and_attestation(algorithm: int, attestation: str) -> None:
    authenticator = Authenticator(algorithm=algorithm)
    made = made_by(authenticator, attestation)
    assert isinstance(made, Registered), made
    assert made.transports == ("hybrid", "internal")
    proof = proof_by(authenticator, made)
    assert proof == Asserted(1, True, False, False)


def proof_by(authenticator: Authenticator, made: Registered, *, strict: bool = False, **wrong: Any) -> Any:
    answer = assertion_of(authenticator.get(request(), **wrong))
    if isinstance(answer, Rejection):
        return answer
    return answer.verify(CHALLENGE, SITE, made.public_key, user_verification=strict)


WRONG_CLIENTS = [
    ({"type": "webauthn.get"}, "bad_type"),
    ({"type": "payment.get"}, "bad_type"),
    ({"type": None}, "bad_type"),
    ({"challenge": b64(bytes(32))}, "replayed"),
    ({"challenge": b64(CHALLENGE) + "="}, "replayed"),
    ({"challenge": ""}, "replayed"),
    ({"challenge": 5}, "replayed"),
    ({"challenge": "\ud800"}, "malformed_credential"),
    ({"origin": "https://evil.example"}, "wrong_audience"),
    ({"origin": "http://id.example"}, "wrong_audience"),
    ({"origin": "https://id.example:8443"}, "wrong_audience"),
    ({"origin": "https://id.example/"}, "wrong_audience"),
    ({"origin": "https://id.example.evil.example"}, "wrong_audience"),
    ({"origin": ["https://id.example"]}, "wrong_audience"),
    ({"origin": "null"}, "wrong_audience"),
    ({"crossOrigin": True}, "wrong_audience"),
    ({"crossOrigin": "false"}, "wrong_audience"),
    ({"topOrigin": "https://id.example"}, "wrong_audience"),
]


@pytest.mark.parametrize(("client", "code"), WRONG_CLIENTS, ids=lambda value: str(value)[:60])
def test_client_data_of_a_registration(client: dict[str, Any], code: str) -> None:
    refused = made_by(Authenticator(), client=client)
    assert isinstance(refused, Rejection)
    assert refused.reason.code == code


@pytest.mark.parametrize(("client", "code"), WRONG_CLIENTS, ids=lambda value: str(value)[:60])
def test_client_data_of_an_authentication(client: dict[str, Any], code: str) -> None:
    authenticator = Authenticator()
    made = made_by(authenticator)
    assert isinstance(made, Registered)
    client = {"type": "webauthn.create"} if client.get("type") == "webauthn.get" else client
    refused = proof_by(authenticator, made, client=client)
    assert isinstance(refused, Rejection)
    assert refused.reason.code == code


def test_another_origin_of_the_site() -> None:
    authenticator = Authenticator("https://login.id.example")
    assert isinstance(made_by(authenticator), Registered)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rp_id": "evil.example"},
        {"flags": UV},  # nobody touched it
        {"flags": UP | UV | BS},  # backed up, and cannot be
        {"statement": {"alg": ES256, "sig": b"no"}},  # "none" holds nothing
        {"key": ec.generate_private_key(ec.SECP256R1()), "cose": cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: b"x" * 32})},
        {"cose": cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: b"\x01" * 32, -3: b"\x02" * 32})},  # no point of the curve
        {"cose": cbor2.dumps({1: 2, 3: -35, -1: 2, -2: b"\x01" * 48, -3: b"\x02" * 48})},
        {"cose": cbor2.dumps({1: 2, 3: ES256, -1: 1, -2: b"\x01" * 32, -3: b"\x02" * 32, 99: b"x" * 2000})},
        # "none" signs nothing, so that the cost would come at the login: an exponent as long as the modulus
        {"cose": cbor2.dumps({1: 3, 3: -257, -1: b"\xff" * 256, -2: b"\xfe" * 255 + b"\xff"})},
        {"cose": b"\xa0"},
        {"cose": b"\x80"},
        {"cose": b"\x04" + b"\x01" * 64},
    ],
    ids="-".join,
)
def test_a_registration_that_is_wrong_within(wrong: dict[str, Any]) -> None:
    assert isinstance(made_by(Authenticator(), **wrong), Rejection)


@pytest.mark.parametrize(
    "wrong",
    [
        {"rp_id": "evil.example"},
        {"flags": UV},
        {"flags": UP | UV | BS},
        {"flags": UP | UV | AT},  # promises data that are not there
        {"flags": UP | UV | 128},
    ],
    ids="-".join,
)
def test_an_authentication_that_is_wrong_within(wrong: dict[str, Any]) -> None:
    authenticator = Authenticator()
    made = made_by(authenticator)
    assert isinstance(made, Registered)
    assert isinstance(proof_by(authenticator, made, **wrong), Rejection)


def test_user_verification_where_it_is_demanded() -> None:
    authenticator = Authenticator(verifies=False)
    made = made_by(authenticator)
    assert isinstance(made, Registered)
    assert not made.user_verified
    assert proof_by(authenticator, made) == Asserted(1, False, False, False)
    assert isinstance(proof_by(authenticator, made, strict=True), Rejection)


def test_another_key_proves_nothing() -> None:
    mine, other = Authenticator(), Authenticator()
    made = made_by(mine)
    made_by(other)
    assert isinstance(made, Registered)
    assert isinstance(proof_by(other, made), Rejection)


def test_an_id_that_is_not_the_attested_one() -> None:
    response = Authenticator().create(creation())
    response["id"] = response["rawId"] = b64(b"another")
    refused = registration_of(response, CHALLENGE, SITE)
    assert isinstance(refused, Rejection)
    assert refused.reason.code == "bad_claims"


def test_a_synced_passkey_says_so() -> None:
    made = made_by(Authenticator(synced=True))
    assert isinstance(made, Registered)
    assert (made.backup_eligible, made.backed_up) == (True, True)
    assert BE


@pytest.mark.parametrize("wrong", ["another unit", "an authority", "another model", "no certificate"])
def test_attestation_certificates_that_vouch_for_nothing(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Section 8.2.1: who signs must be an attestation certificate, of this very model."""
    import tests.authenticator as module

    built = _certificate(wrong)
    monkeypatch.setattr(module, "_certificate", built)
    refused = made_by(Authenticator(), "packed-x5c")
    assert isinstance(refused, Rejection)
    assert refused.detail in ("attestation certificate", "attestation object")


def test_a_certificate_of_the_right_model() -> None:
    import tests.authenticator as module

    right = _certificate("right")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_certificate", right)
        assert isinstance(made_by(Authenticator(), "packed-x5c"), Registered)


def _certificate(wrong: str) -> Any:
    import datetime

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.serialization import Encoding
    from cryptography.x509.oid import NameOID

    from tests.authenticator import AAGUID

    unit = "Sales" if wrong == "another unit" else "Authenticator Attestation"
    model = bytes(16) if wrong == "another model" else AAGUID

    def make(key: Any) -> bytes:
        if wrong == "no certificate":
            return b"0\x00"
        name = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, unit)])
        now = datetime.datetime.now(datetime.UTC)
        oid = x509.ObjectIdentifier("1.3.6.1.4.1.45724.1.1.4")
        made = x509.CertificateBuilder(name, name, key.public_key(), 7, now, now + datetime.timedelta(days=1))
        authority = x509.BasicConstraints(ca=wrong == "an authority", path_length=None)
        made = made.add_extension(authority, critical=True)
        made = made.add_extension(x509.UnrecognizedExtension(oid, b"\x04\x10" + model), critical=False)
        return made.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)

    return make


# --- garbage --------------------------------------------------------------------------------------------------------

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40) | st.binary(max_size=9).map(b64),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = ["id", "rawId", "type", "response", "clientDataJSON", "attestationObject", "authenticatorData", "signature"]
INNER = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle", "transports"]


@given(st.dictionaries(st.sampled_from(MEMBERS), JSON | st.dictionaries(st.sampled_from(MEMBERS), JSON)))
def test_any_json_is_refused_and_never_raises(response: dict[str, Any]) -> None:
    assert isinstance(registration_of(response, CHALLENGE, SITE), Rejection)
    assert isinstance(assertion_of(response), Rejection)


@pytest.fixture(scope="module")
def answers() -> tuple[dict[str, Any], dict[str, Any], bytes]:
    authenticator = Authenticator()
    creating = authenticator.create(creation(), attestation="packed-x5c")
    made = registration_of(creating, CHALLENGE, SITE)
    assert isinstance(made, Registered)
    return creating, authenticator.get(request()), made.public_key


@settings(max_examples=250, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(INNER), JSON)
def test_any_member_replaced_by_any_json(answers: Any, name: str, value: Any) -> None:
    for answer in answers[:2]:
        changed = copy.deepcopy(answer)
        changed["response"][name] = value
        judged(changed, answers[2])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(INNER[:4]), st.data())
def test_any_byte_changed(answers: Any, name: str, data: st.DataObject) -> None:
    """Whatever is flipped, cut or doubled is refused: nothing in an answer is unsigned or unread, but for the id."""
    for answer in answers[:2]:
        if name not in answer["response"]:
            continue
        changed = copy.deepcopy(answer)
        whole = bytearray(raw(changed["response"][name]))
        place = data.draw(st.integers(0, len(whole) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "double", "insert"]))
        if how == "flip":
            whole[place] ^= 1 << data.draw(st.integers(0, 7))
        elif how == "cut":
            del whole[place:]
        elif how == "insert":
            whole[place:place] = data.draw(st.binary(min_size=1, max_size=8))
        else:
            whole += whole[place:]
        changed["response"][name] = b64(bytes(whole))
        judged(changed, answers[2])


def judged(answer: dict[str, Any], public_key: bytes) -> None:
    """Judge by both ceremonies: nothing raises, whatever comes."""
    assert registration_of(answer, CHALLENGE, SITE) is not None
    found = assertion_of(answer)
    if not isinstance(found, Rejection):
        assert found.verify(CHALLENGE, SITE, public_key, user_verification=False) is not None


@given(st.binary(max_size=400))
def test_any_signature(answers: Any, signature: bytes) -> None:
    changed = copy.deepcopy(answers[1])
    changed["response"]["signature"] = b64(signature)
    found = assertion_of(changed)
    assert isinstance(found, Rejection) or isinstance(
        found.verify(CHALLENGE, SITE, answers[2], user_verification=False), Rejection
    )


@given(st.binary(max_size=300))
def test_any_attestation_object(object: bytes) -> None:
    response = Authenticator().create(creation())
    response["response"]["attestationObject"] = b64(object)
    assert isinstance(registration_of(response, CHALLENGE, SITE), Rejection)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("clientDataJSON", 3073),
        ("attestationObject", 12289),
        ("authenticatorData", 3073),
        ("signature", 1537),
        ("userHandle", 65),
    ],
)
def test_a_member_that_is_too_long(answers: Any, name: str, size: int) -> None:
    for answer in answers[:2]:
        if name in answer["response"]:
            changed = copy.deepcopy(answer)
            changed["response"][name] = b64(bytes(size))
            found = registration_of(changed, CHALLENGE, SITE) if "attestationObject" in answer["response"] else None
            found = found or assertion_of(changed)
            assert isinstance(found, Rejection)
            assert found.reason.code == "malformed_credential"


@pytest.mark.parametrize(
    "deep", [b"[" * 3000, b'{"a":' * 600, b"\x81" * 9000, b"\xa1\x01" * 4000, b"\xd9\xd9\xf7" * 3000]
)
def test_nesting_is_bounded(deep: bytes) -> None:
    for member in ("clientDataJSON", "attestationObject"):
        response = Authenticator().create(creation())
        response["response"][member] = b64(deep[:3000] if member == "clientDataJSON" else deep)
        assert isinstance(registration_of(response, CHALLENGE, SITE), Rejection)


@pytest.mark.parametrize(
    "hostile",
    [
        b"\x9b\x00\xff\xff\xff\xff\xff\xff\xff",  # an array of 2^56
        b"\x5b\x00\x00\x00\xff\xff\xff\xff\xff",  # a string of a terabyte
        b"\xbb\x00\x00\x00\x00\xff\xff\xff\xff",  # a map of 2^32
        b"\xc4\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",  # 10 to the power of 2^63
        b"\xc5\x82\x1b\x7f\xff\xff\xff\xff\xff\xff\xff\x01",  # 2 to the power of 2^63
        b"\xa1\xc4\x82\x1a\x3b\x9a\xc9\xff\x01\x00",  # such a number as a key, to be hashed
        b"\xc2\x59\x2e\x00" + b"\xff" * 0x2E00,  # an integer of 94,208 bits
        b"\xd8\x23\x78\x1a" + b"(a*)*" * 5 + b"b",  # a regular expression
        b"\xd8\x1c\x81\xd8\x1d\x00",  # a list that holds itself
        b"\x7f" + b"\x61a" * 5000 + b"\xff",
    ],
    ids=lambda value: value[:8].hex(),
)
def test_cbor_that_claims_more_than_it_holds(hostile: bytes) -> None:
    whole = b"\xa3\x63fmt\x64none\x67attStmt" + hostile + b"\x68authData\x41a"
    for member in (hostile, whole):
        response = Authenticator().create(creation())
        response["response"]["attestationObject"] = b64(member)
        begun = time.perf_counter()
        assert isinstance(registration_of(response, CHALLENGE, SITE), Rejection)
        assert time.perf_counter() - begun < 1


def test_a_member_twice_is_refused() -> None:
    """Two readers may take different ones."""
    response = Authenticator().create(creation())
    text = raw(response["response"]["clientDataJSON"]).decode()
    response["response"]["clientDataJSON"] = b64((text[:-1] + ',"origin":"https://id.example"}').encode())
    assert isinstance(registration_of(response, CHALLENGE, SITE), Rejection)


@pytest.mark.parametrize("handle", [None, ""])
def test_a_user_handle_may_be_missing(answers: Any, handle: str | None) -> None:
    changed = copy.deepcopy(answers[1])
    changed["response"]["userHandle"] = handle
    found = assertion_of(changed)
    assert not isinstance(found, Rejection)
    assert found.user_handle is None


@pytest.mark.parametrize("handle", ["A", "é", "AA==", 5, [], {}])
def test_what_is_no_user_handle(answers: Any, handle: object) -> None:
    changed = copy.deepcopy(answers[1])
    changed["response"]["userHandle"] = handle
    assert isinstance(assertion_of(changed), Rejection)


# --- sites ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("issuer", "rp_id", "origin", "possible"),
    [
        ("https://id.example", "id.example", "https://id.example", True),
        ("https://id.example:8443/auth", "id.example", "https://id.example:8443", True),
        ("http://localhost:8000", "localhost", "http://localhost:8000", True),
        ("http://127.0.0.1:8000", "127.0.0.1", "http://127.0.0.1:8000", False),
        ("http://[::1]:8000", "::1", "http://[::1]:8000", False),
    ],
)
def test_the_site_of_an_issuer(issuer: str, rp_id: str, origin: str, possible: bool) -> None:
    site = Site.of(issuer)
    assert (site.rp_id, site.origins, site.possible) == (rp_id, (origin,), possible)


def test_what_is_said_about_a_site_wins() -> None:
    site = Site.of("https://id.acme.example", rp_id="acme.example", name="Acme", origins=("https://acme.example",))
    assert site == Site("acme.example", "Acme", ("https://acme.example",))
