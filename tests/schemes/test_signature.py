"""Judge signed requests: the contract's string, the key's standing, what is kept and what is told."""

import hashlib
from typing import Any

import pytest

from tests.schemes.signed_requests import (
    BODY,
    KEY_ID,
    NOW,
    OTHER_ID,
    OTHER_SECRET,
    SECRET,
    BrokenClaims,
    House,
    credential,
    reason,
    request,
    signed,
)
from watchword import Principal
from watchword.codec.secrets import SealingError
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import (
    BAD_SIGNATURE,
    BODY_UNSEEN,
    EXPIRED,
    MALFORMED_CREDENTIAL,
    REVOKED,
    SUBJECT_DISABLED,
    UNKNOWN_CREDENTIAL,
    Reason,
)
from watchword.model.records import Subject

pytestmark = pytest.mark.usefixtures("judged")


def test_the_contracts_string_is_accepted() -> None:
    who = House().judge(request(signed()))
    assert isinstance(who, Principal)
    assert (who.subject, who.scheme, who.credential) == ("service:billing", "hmac", KEY_ID)
    assert who.scopes == {"orders:read"}


def test_absent_parts_are_empty_lines_and_the_hosts_case_does_not_count() -> None:
    house = House()
    assert isinstance(
        house.judge(request(signed(nonce=b"", query=b"", content_type=b"", body=b"", method="GET"))), Principal
    )
    assert isinstance(house.judge(request(signed(host=b"API.Example.com:8443"))), Principal)


def test_a_cached_key_is_verified_without_a_look_up_and_without_an_await() -> None:
    house = House()
    first = house.judge(request(signed()))
    again = request(signed(nonce=b"n2"))
    presented = house.scheme.read(again)
    assert isinstance(presented, tuple)
    assert house.scheme.verify(presented, again) is first
    assert house.records.looked_up == 1


def test_broken_claims_are_broken_not_accepted_nor_refused() -> None:
    with pytest.raises(Unavailable):
        House(BrokenClaims()).judge(request(signed()))


def test_an_unknown_key_is_refused() -> None:
    assert reason(House().judge(request(signed(key_id=b"hk_live_none")))) is UNKNOWN_CREDENTIAL


def test_a_credential_of_another_kind_is_no_signing_key() -> None:
    house = House()
    house.records.kept[KEY_ID] = Credential(KEY_ID, Kind.API_KEY, "service:billing", 0)
    assert reason(house.judge(request(signed()))) is UNKNOWN_CREDENTIAL


@pytest.mark.parametrize(
    ("changed", "expected"),
    [({"revoked_at": NOW - 1}, REVOKED), ({"expires_at": NOW}, EXPIRED), ({"leaked": True}, REVOKED)],
)
def test_an_unusable_key_is_refused(changed: dict[str, Any], expected: Reason) -> None:
    house = House()
    house.records.kept[KEY_ID] = credential(KEY_ID, SECRET, **changed)
    assert reason(house.judge(request(signed()))) is expected


def test_a_disabled_subject_is_refused() -> None:
    house = House()
    house.records.people["service:billing"] = Subject("service:billing", 0, disabled_at=NOW)
    assert reason(house.judge(request(signed()))) is SUBJECT_DISABLED


@pytest.mark.parametrize("tag", [f"credential:{KEY_ID}", "subject:service:billing"])
def test_the_revocation_feed_takes_an_opened_key_back(tag: str) -> None:
    house = House()
    assert isinstance(house.judge(request(signed())), Principal)
    house.records.kept[KEY_ID] = credential(KEY_ID, SECRET, revoked_at=NOW)
    assert isinstance(house.judge(request(signed(nonce=b"cached"))), Principal)
    house.verdicts.evict(tag)
    assert reason(house.judge(request(signed(nonce=b"after")))) is REVOKED


def test_an_opened_key_ends_with_its_record() -> None:
    house = House()
    house.records.kept[KEY_ID] = credential(KEY_ID, SECRET, expires_at=NOW + 10)
    assert isinstance(house.judge(request(signed())), Principal)
    house.now = NOW + 10
    assert reason(house.judge(request(signed(nonce=b"late")))) is EXPIRED


def test_a_public_key_id_is_not_a_verdicts_key() -> None:
    house = House()
    house.judge(request(signed()))
    for text in (KEY_ID, f"Bearer {KEY_ID}", SECRET):
        assert house.verdicts.get(hashlib.sha256(text.encode()).digest(), NOW) is None


def test_a_secret_sealed_for_another_row_breaks() -> None:
    house = House()
    house.records.kept[KEY_ID] = house.records.kept[KEY_ID].changed(secret=house.records.kept[OTHER_ID].secret)
    with pytest.raises(SealingError):
        house.judge(request(signed(OTHER_SECRET)))


def test_cve_2026_49852_an_empty_secret_breaks_instead_of_verifying() -> None:
    house = House()
    house.records.kept[KEY_ID] = credential(KEY_ID, "")
    with pytest.raises(ValueError, match="empty"):
        house.judge(request(signed("")))


def test_an_unseen_body_is_refused_even_when_its_digest_is_stated() -> None:
    stated = (b"x-content-sha256", hashlib.sha256(BODY).hexdigest().encode())
    unseen = {**signed(), "body": None}
    assert reason(House().judge(request(unseen, stated))) is BODY_UNSEEN
    assert reason(House(upstream_body=True).judge(request(unseen))) is BODY_UNSEEN
    assert isinstance(House(upstream_body=True).judge(request(unseen, stated)), Principal)


@pytest.mark.parametrize("stated", [b"", b"UNSIGNED-PAYLOAD", hashlib.sha256(BODY).hexdigest().upper().encode()])
def test_cve_2025_31489_no_payload_mode_goes_unverified(stated: bytes) -> None:
    unseen = {**signed(), "body": None}
    outcome = House(upstream_body=True).judge(request(unseen, (b"x-content-sha256", stated)))
    assert reason(outcome) is MALFORMED_CREDENTIAL


def test_a_stated_digest_must_be_of_the_body_that_is_seen() -> None:
    wrong = (b"x-content-sha256", hashlib.sha256(b"other").hexdigest().encode())
    assert reason(House(upstream_body=True).judge(request(signed(), wrong))) is BAD_SIGNATURE


def test_secrets_and_signatures_stay_out_of_reprs_and_refusals() -> None:
    house = House()
    whole = signed()
    presented = house.scheme.read(request(whole))
    assert whole["signature"].decode() not in repr(presented)
    outcome = house.judge(request({**whole, "body": b"x"}))
    assert SECRET not in repr(outcome) + repr(house.scheme.__dict__)
    assert whole["signature"].decode() not in repr(outcome)


def test_kept_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("watchword.schemes.signature._CAPACITY", 1)
    house = House()
    for key_id, secret, nonce in ((KEY_ID, SECRET, b"1"), (OTHER_ID, OTHER_SECRET, b"2"), (KEY_ID, SECRET, b"3")):
        assert isinstance(house.judge(request(signed(secret, key_id=key_id.encode(), nonce=nonce))), Principal)
    assert list(house.scheme._keys) == [KEY_ID.encode()]


def test_the_scheme_describes_itself() -> None:
    scheme = House().scheme
    challenge = scheme.challenge(None)
    assert challenge is not None
    assert challenge.scheme == "Watchword-HMAC-SHA256"
    described = scheme.describe()
    assert (described["type"], described["in"], described["name"]) == ("apiKey", "header", "X-API-Key")
    assert (scheme.name, scheme.needs_body) == ("hmac", True)
