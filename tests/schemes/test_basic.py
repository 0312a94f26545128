"""Judge Basic and the checking of passwords."""

from __future__ import annotations

import asyncio
import os
from base64 import b64encode
from collections import Counter
from ipaddress import ip_network

import pytest

from watchword.codec.passwords import Cost, Overloaded, dummy, encode, outdated, work
from watchword.model.credential import Credential, Kind
from watchword.model.ports import Unavailable
from watchword.model.reason import WRONG_SECRET
from watchword.model.records import Subject, Swap
from watchword.model.request import Peer, Request
from watchword.model.verdict import Challenge, Principal, Rate, Rejection
from watchword.offload import HashingPool, InlineHashing
from watchword.schemes.basic import Basic, Guesses, PasswordCheck
from watchword.stores.meter import MemoryMeter
from watchword.sync import run_sync
from watchword.verdicts import Verdicts

CHEAP = Cost(memory=8, passes=1)
NOW = 1_800_000_000
TLS = Peer("203.0.113.7", tls=True)


class Book:
    """Hold a few records, and count how often it is asked."""

    def __init__(self) -> None:
        self.people: dict[str, Subject] = {}
        self.passwords: list[Credential] = []
        self.asked = 0
        self.written: list[tuple[object, ...]] = []

    def add(self, subject: str, *passwords: str, disabled: bool = False, **fields: object) -> None:
        self.people[subject] = Subject(subject, NOW - 100, NOW - 1 if disabled else None)
        for password in passwords:
            number = len(self.passwords)
            secret = encode(password, CHEAP).encode()
            made = Credential(f"pwd_{number:04}", Kind.PASSWORD, subject, NOW - 100 + number, secret=secret)
            self.passwords.append(made.changed(**fields))

    async def subject(self, name: str) -> Subject | None:
        self.asked += 1
        return self.people.get(name)

    async def credentials(self, *, kind=None, subject=None, after="", limit=100) -> list[Credential]:
        self.asked += 1
        assert kind is Kind.PASSWORD
        return [each for each in self.passwords if each.subject == subject and each.id > after][:limit]

    async def credential(self, id: str) -> Credential | None:
        self.asked += 1
        return next((each for each in self.passwords if each.id == id), None)

    async def write(self, *changes) -> bool:
        self.written.append(changes)
        for change in changes:
            if isinstance(change, Swap):
                place = next(i for i, each in enumerate(self.passwords) if each.id == change.new.id)
                if self.passwords[place].version != change.new.version - 1:
                    return False
                self.passwords[place] = change.new
        return True


class Counting(InlineHashing):
    """Count hashes, and remember what they cost."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.calls: list[str] = []

    def verify(self, encoded: str, password: str) -> bool:
        self.calls.append(encoded.rsplit("$", 2)[0])
        return super().verify(encoded, password)


class House:
    """Put the scheme together."""

    def __init__(self, passwords=None, **options) -> None:
        self.book = Book()
        self.now = float(NOW)
        self.passwords = passwords or Counting()
        self.verdicts = Verdicts()
        self.check = PasswordCheck(self.book, self.passwords, lambda: self.now, CHEAP)
        self.basic = Basic(self.check, self.verdicts, lambda: self.now, cache_key=os.urandom(32), **options)

    def send(self, value: bytes, peer: Peer = TLS):
        request = Request("GET", b"/", b"", [(b"authorization", value)], peer)
        read = self.basic.read(request)
        if read is None or isinstance(read, Rejection):
            return read
        answer = self.basic.verify(read, request)
        return answer if isinstance(answer, Principal) else run_sync(answer)

    def call(self, user: str, password: str):
        return self.send(b"Basic " + b64encode(f"{user}:{password}".encode()))


@pytest.fixture
def house():
    return House()


def test_rfc_7617_section_2_example(house):
    house.book.add("user:aladdin", "open sesame", scopes=frozenset({"lamp:rub"}))
    who = house.send(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    assert who == Principal(
        "user:aladdin", "basic", "pwd_0000", frozenset({"lamp:rub"}), factors=("pwd",), authenticated_at=NOW
    )


def test_rfc_7617_section_2_1_example_in_utf_8(house):
    house.book.add("user:test", "123£")
    assert house.send(b"Basic dGVzdDoxMjPCow==").subject == "user:test"


def test_latin_1_is_refused(house):
    house.book.add("user:test", "123£")
    assert house.send(b"Basic " + b64encode("test:123£".encode("latin-1"))).reason.code == "malformed_credential"


@pytest.mark.parametrize("scheme", [b"Basic", b"basic", b"BASIC", b"bAsIc"])
def test_the_scheme_is_deaf_to_case(house, scheme):
    house.book.add("user:aladdin", "open sesame")
    assert house.send(scheme + b" QWxhZGRpbjpvcGVuIHNlc2FtZQ==").subject == "user:aladdin"
    assert house.send(scheme + b"   QWxhZGRpbjpvcGVuIHNlc2FtZQ== ").subject == "user:aladdin"


@pytest.mark.parametrize("value", [b"Bearer abc", b"Basics QQ==", b"", b"BasicQWxhZGRpbg=="])
def test_what_is_not_ours_is_absent(house, value):
    assert house.send(value) is None
    assert house.basic.read(Request("GET", b"/", b"", [], TLS)) is None


@pytest.mark.parametrize(
    "value",
    [
        b"Basic",
        b"Basic ",
        b"basic  ",
        b"Basic !!!!",
        b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ",  # no padding
        b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZR==",  # stray bits: a second spelling of the same pair
        b"Basic QWxhZGRpbjpvcGVu IHNlc2FtZQ==",
        b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==, Basic QQ==",
        b"Basic " + b64encode(b"aladdin"),  # no colon
        b"Basic " + b64encode(b":open sesame"),
        b"Basic " + b64encode(b"aladdin:"),
        b"Basic " + b64encode(b"aladdin:open\0sesame"),
        b"Basic " + b64encode(b"aladdin\0:open sesame"),
        b"Basic " + b64encode(b"aladdin\n:open sesame"),
        b"Basic " + b64encode(b"aladdin:open sesame\x7f"),
        b"Basic " + b64encode(b"aladdin:\xff\xfe"),
        b"Basic " + b64encode(b"aladdin:\xed\xa0\x80"),  # a surrogate
        b"Basic " + b64encode(b"../aladdin:open sesame"),
        b"Basic " + b64encode(b"aladdin:" + b"x" * 1025),
        b"Basic " + b"QUFB" * 2_500_000,  # 10 MB
    ],
)
def test_malformed_credentials_cost_no_hash(house, value):
    house.book.add("user:aladdin", "open sesame")
    answer = house.send(value)
    assert isinstance(answer, Rejection)
    assert answer.reason.code == "malformed_credential"
    assert house.passwords.calls == []
    assert house.book.asked == 0


def test_the_longest_password_and_name_fit(house):
    house.book.add("user:" + "a" * 128, "p" * 1024)
    assert house.call("a" * 128, "p" * 1024).subject == "user:" + "a" * 128
    assert house.call("a" * 128, "p" * 1023).reason.code == "wrong_secret"


def test_unknown_user_and_wrong_password_have_one_face_and_one_cost(house):
    house.book.add("user:one", "first password")
    house.book.add("user:two", "first password", "second password")
    house.book.add("user:none")
    house.book.add("user:gone", "first password", disabled=True)
    house.book.add("user:old", "first password", expires_at=NOW - 1)
    house.book.add("user:void", "first password", revoked_at=NOW - 1)
    house.book.add("user:leak", "first password", leaked=True)
    house.book.add("user:next", "first password", not_before=NOW + 10)
    house.book.add("user:three", "first password", "second password", "third password")
    expected = {
        "nobody": "unknown_credential",
        "gone": "subject_disabled",
        **dict.fromkeys(["one", "two", "none", "old", "void", "leak", "next", "three"], "wrong_secret"),
    }
    for name, code in expected.items():
        house.passwords.calls.clear()
        house.book.asked = 0
        answer = house.call(name, "a wrong password")
        assert answer.reason.code == code
        assert (answer.reason.status, answer.reason.type, answer.reason.title, answer.reason.error) == (
            401,
            "unauthenticated",
            "Authentication is required",
            "invalid_token",
        )
        assert answer.headers == ()
        assert house.passwords.calls == [dummy(CHEAP).rsplit("$", 2)[0]] * 2, name
        assert house.book.asked == 4, name
    assert len(house.verdicts) == 0


@pytest.mark.parametrize("name", ["gone", "old", "void", "leak", "next", "retired"])
def test_a_right_password_that_may_not_be_used_costs_what_a_wrong_one_costs(house, name):
    house.book.add("user:gone", "right password", disabled=True)
    house.book.add("user:old", "right password", expires_at=NOW)
    house.book.add("user:void", "right password", revoked_at=NOW - 1)
    house.book.add("user:leak", "right password", leaked=True)
    house.book.add("user:next", "right password", not_before=NOW + 10)
    house.book.add("user:retired", "right password", retire_at=NOW)
    answer = house.call(name, "right password")
    assert isinstance(answer, Rejection)
    assert answer.reason.status == 401
    assert len(house.passwords.calls) == 2
    assert len(house.verdicts) == 0


# --- hashes of other costs and forms ----------------------------------------------------------------------------------

DJANGO = "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y="
OLD_DJANGO = "pbkdf2_sha1$400$Zbk1yRf0qDXp$AbjDBho9huURd60waknQvLPLTXs="
BCRYPT = "$2b$04$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm"
STAPLE = "correct horse battery stäple"


class Weighing(InlineHashing):
    """Add up the work of every check."""

    def __init__(self) -> None:
        super().__init__(CHEAP)
        self.spent: Counter[str] = Counter()
        self.calls = 0
        self.hashes = 0

    def verify(self, encoded: str, password: str) -> bool:
        self.calls += 1
        for each in encoded.split("\n"):
            spent = work(each)
            self.spent[spent.kind] += spent.units
        return super().verify(encoded, password)

    def hash(self, password: str) -> str:
        self.hashes += 1
        return super().hash(password)


def mixed_house() -> House:
    house = House(Weighing())
    house.book.people["service:watchword"] = Subject(
        "service:watchword",
        NOW,
        detail={"hash_work": {"pbkdf2-sha256": 1000, "bcrypt": 1024, "argon2id 16 1 1": 2}},
    )
    house.book.add("user:native", "the native password")
    house.book.add("user:both", "the older password", "the native password")
    house.book.add("user:none")
    for name, secret in (
        ("django", DJANGO),
        ("few", DJANGO.replace("$1000$", "$400$")),
        ("bcrypt", BCRYPT),
        ("costly", BCRYPT.replace("$04$", "$10$")),
        ("weak", encode("the weak password", Cost(memory=16, passes=1))),
    ):
        house.book.add(f"user:{name}", "x" * 20, disabled=name == "few")
        house.book.passwords[-1] = house.book.passwords[-1].changed(secret=secret.encode())
    return house


@pytest.mark.parametrize(
    "name", ["nobody", "none", "native", "both", "django", "few", "bcrypt", "costly", "weak", "x" * 100]
)
def test_whatever_the_mix_of_hashes_every_failure_costs_the_same_work(name):
    house = mixed_house()
    answer = house.call(name, "a wrong password")
    assert answer.reason.status == 401
    assert house.passwords.spent == {
        "argon2id 8 1 1": 2, "pbkdf2-sha256": 1000, "bcrypt": 1024, "argon2id 16 1 1": 2
    }  # fmt: skip
    assert house.book.asked == 4
    assert (house.passwords.calls, house.passwords.hashes) == (2, 0)


def test_of_two_passwords_both_are_right_in_a_house_of_many_kinds_of_hashes():
    house = mixed_house()
    assert house.call("both", "the native password").credential == "pwd_0002"
    assert house.call("both", "the older password").credential == "pwd_0001"
    assert house.passwords.spent["bcrypt"] == 1024


def test_a_hash_of_a_kind_that_nobody_noted_takes_the_place_of_one_of_today():
    house = House(Weighing())
    house.book.add("user:alice", "x" * 20)
    house.book.passwords[-1] = house.book.passwords[-1].changed(secret=BCRYPT.encode())
    house.call("alice", "a wrong password")
    assert house.passwords.spent == {"bcrypt": 16, "argon2id 8 1 1": 1}


@pytest.mark.parametrize(
    ("secret", "password"),
    [(DJANGO, STAPLE), (BCRYPT, STAPLE), (encode("weak", Cost(memory=16, passes=1)), "weak")],
    ids=["django", "bcrypt", "argon2id"],
)
def test_a_right_password_is_hashed_anew_where_its_hash_was_made_otherwise(secret, password):
    house = House(Weighing())
    house.book.add("user:alice", "x" * 20)
    house.book.passwords[0] = house.book.passwords[0].changed(secret=secret.encode(), scopes=frozenset({"a"}))
    before = house.book.passwords[0]
    assert house.call("alice", password).scopes == {"a"}
    after = house.book.passwords[0]
    assert not outdated(after.secret.decode(), CHEAP)
    assert after == before.changed(secret=after.secret)
    swap, event = house.book.written[0]
    assert (event.action, event.outcome, event.credential, event.subject) == (
        "rehash",
        "done",
        "pwd_0000",
        "user:alice",
    )
    assert password not in repr(swap) + repr(event)
    house.now += 61
    assert house.call("alice", password).subject == "user:alice"
    assert house.call("alice", password + "x").reason.code == "wrong_secret"
    assert (house.passwords.hashes, len(house.book.written)) == (1, 1)


def test_a_wrong_password_and_a_hash_of_today_are_never_hashed_anew():
    house = House(Weighing())
    house.book.add("user:alice", "open sesame")
    house.book.add("user:bob", "x" * 20)
    house.book.passwords[1] = house.book.passwords[1].changed(secret=DJANGO.encode())
    house.call("alice", "open sesame")
    house.call("bob", "a wrong password")
    assert (house.passwords.hashes, house.book.written) == (0, [])


@pytest.mark.parametrize("trouble", [Overloaded(1), Unavailable("down"), MemoryError()])
@pytest.mark.parametrize("where", ["hash", "write"])
def test_trouble_while_hashing_anew_does_not_fail_the_login(caplog, trouble, where):
    def fail(*_: object) -> None:
        raise trouble

    house = House(Weighing())
    house.book.add("user:bob", "x" * 20)
    house.book.passwords[0] = house.book.passwords[0].changed(secret=DJANGO.encode())
    setattr(house.passwords if where == "hash" else house.book, where, fail)
    assert house.call("bob", STAPLE).subject == "user:bob"
    assert house.book.passwords[0].secret == DJANGO.encode()
    assert STAPLE not in caplog.text
    assert type(trouble).__name__ in caplog.text


def test_what_changed_meanwhile_is_not_overwritten():
    class Revoking(Weighing):
        def hash(self, password: str) -> str:
            house.book.passwords[0] = house.book.passwords[0].changed(revoked_at=NOW)
            return super().hash(password)

    house = House(Revoking())
    house.book.add("user:bob", "x" * 20)
    house.book.passwords[0] = house.book.passwords[0].changed(secret=DJANGO.encode())
    assert house.call("bob", STAPLE).subject == "user:bob"
    assert house.book.passwords[0].revoked_at == NOW
    assert house.book.passwords[0].secret == DJANGO.encode()
    house.now += 61
    assert house.call("bob", STAPLE).reason.status == 401


def test_during_a_rotation_both_passwords_are_valid(house):
    house.book.add("user:alice", "the old password", retire_at=NOW + 60)
    house.book.add("user:alice", "the new password", scopes=frozenset({"a"}))
    assert house.call("alice", "the new password").credential == "pwd_0001"
    assert house.call("alice", "the old password").credential == "pwd_0000"
    house.now += 59.9
    assert isinstance(house.call("alice", "the old password"), Principal)
    house.now += 0.1
    assert house.call("alice", "the old password").reason.code == "wrong_secret"
    assert isinstance(house.call("alice", "the new password"), Principal)


def test_passwords_behind_many_retired_ones_are_found(house):
    house.book.add("user:alice", "of long ago", retire_at=NOW - 1)
    for number in range(1, 250):
        house.book.passwords.append(
            Credential(f"pwd_{number:04}", Kind.PASSWORD, "user:alice", NOW - 90, retire_at=NOW - 1)
        )
    house.book.add("user:alice", "of today")
    assert house.call("alice", "of today").credential == "pwd_0250"


def test_a_repeat_costs_no_hash_and_is_answered_at_once(house):
    house.book.add("user:alice", "open sesame")
    first = house.call("alice", "open sesame")
    house.passwords.calls.clear()
    house.book.asked = 0
    assert house.call("alice", "open sesame") is first
    assert (house.passwords.calls, house.book.asked) == ([], 0)
    house.now += 60
    assert house.call("alice", "open sesame") == first.__class__(
        "user:alice", "basic", "pwd_0000", factors=("pwd",), authenticated_at=NOW + 60
    )
    assert len(house.passwords.calls) == 1


def test_what_one_address_proved_is_no_answer_to_another(house):
    house.book.add("user:aladdin", "open sesame")
    right = b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    first = house.send(right, Peer("192.0.2.1", tls=True))
    house.passwords.calls.clear()
    assert house.send(right, Peer("192.0.2.1", tls=True)) is first
    assert house.passwords.calls == []
    assert isinstance(house.send(right, Peer("203.0.113.7", tls=True)), Principal)
    assert len(house.passwords.calls) == 1  # a guess there is counted, right or wrong


def test_failures_are_never_remembered(house):
    house.book.add("user:alice", "open sesame")
    assert isinstance(house.call("alice", "to be set"), Rejection)
    house.book.add("user:alice", "to be set")
    assert isinstance(house.call("alice", "to be set"), Principal)


def test_what_is_remembered_ends_with_the_credential(house):
    house.book.add("user:alice", "open sesame", expires_at=NOW + 10)
    assert isinstance(house.call("alice", "open sesame"), Principal)
    house.now += 10
    assert house.call("alice", "open sesame").reason.code == "wrong_secret"


@pytest.mark.parametrize("tag", ["credential:pwd_0000", "subject:user:alice"])
def test_a_revocation_evicts_what_is_remembered(house, tag):
    house.book.add("user:alice", "open sesame")
    assert isinstance(house.call("alice", "open sesame"), Principal)
    house.book.passwords[0] = house.book.passwords[0].changed(revoked_at=NOW)
    house.verdicts.evict(tag)
    assert house.call("alice", "open sesame").reason.code == "wrong_secret"


def test_a_revocation_during_the_hash_is_not_outlived_by_what_is_remembered():
    class Revoking(Counting):
        def verify(self, encoded: str, password: str) -> bool:
            house.book.passwords[0] = house.book.passwords[0].changed(revoked_at=NOW)
            house.verdicts.evict("credential:pwd_0000")
            return super().verify(encoded, password)

    house = House(Revoking())
    house.book.add("user:alice", "open sesame")
    house.call("alice", "open sesame")
    assert len(house.verdicts) == 0
    assert house.call("alice", "open sesame").reason.code == "wrong_secret"


def test_the_memory_holds_no_password_and_no_plain_digest(house):
    house.book.add("user:alice", "open sesame")
    other = House()
    other.book.add("user:alice", "open sesame")
    house.call("alice", "open sesame")
    other.call("alice", "open sesame")
    assert set(house.verdicts._entries).isdisjoint(other.verdicts._entries)
    assert len(house.verdicts) == len(other.verdicts) == 1


def test_cve_2026_71326_no_two_pairs_share_a_key(house):
    house.book.add("user:a", "b:c")
    assert house.call("a", "b:c").subject == "user:a"
    assert isinstance(house.call("a:b", "c"), Principal)  # the same bytes: the name ends at the first colon
    for user, password in [("ab", ":c"), ("ab:", "c"), ("a", "bc"), ("a", ":b:c"), ("a", "b:c:")]:
        assert isinstance(house.call(user, password), Rejection)


def test_cve_2026_32595_subjects_cannot_be_named_with_their_kind(house):
    house.book.add("service:billing", "open sesame")
    assert house.call("billing", "open sesame").subject == "service:billing"
    assert isinstance(house.call("service:billing", "open sesame"), Rejection)


def test_a_user_comes_before_a_service_of_the_same_name(house):
    house.book.add("service:alice", "the service's password")
    house.book.add("user:alice", "the user's password")
    assert house.call("alice", "the user's password").subject == "user:alice"
    assert house.call("alice", "the service's password").reason.code == "wrong_secret"


@pytest.mark.parametrize("name", ["ALICE", "Alice", "\uff41lice", "al\u2170ce"])
def test_cve_2025_24806_variants_of_a_name_are_one_subject(house, name):
    house.book.add("user:alice", "open sesame")
    assert house.call(name, "open sesame").subject == "user:alice"
    assert house.call(name, "wrong").detail == "user:alice"


def test_composition_of_letters_does_not_matter(house):
    house.book.add("user:alice", "caf\u00e9 au lait")
    assert isinstance(house.call("alice", "cafe\u0301 au lait"), Principal)


@pytest.mark.parametrize(
    ("peer", "refused"),
    [
        (Peer("203.0.113.7"), True),
        (Peer("10.0.0.1"), True),
        (Peer(""), True),
        (Peer("127.0.0.1"), False),
        (Peer("::1"), False),
        (Peer("::ffff:127.0.0.1"), False),
        (TLS, False),
    ],
)
def test_over_plaintext_only_from_loopback(house, peer, refused):
    house.book.add("user:aladdin", "open sesame")
    answer = house.send(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", peer)
    if refused:
        assert answer.reason.code == "password_over_plaintext"
        assert house.passwords.calls == []
    else:
        assert isinstance(answer, Principal)
    allowing = House(plaintext_allowed=True)
    allowing.book.add("user:aladdin", "open sesame")
    assert isinstance(allowing.send(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", peer), Principal)


def test_a_remembered_password_is_refused_over_plaintext_too(house):
    house.book.add("user:aladdin", "open sesame")
    assert isinstance(house.send(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="), Principal)
    answer = house.send(b"Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", Peer("203.0.113.7"))
    assert answer.reason.code == "password_over_plaintext"


def test_the_credentials_bounds_reach_the_principal(house):
    house.book.add("user:alice", "open sesame", networks=("10.0.0.0/8",), limit=Rate(5, 60), expires_at=NOW + 99)
    bounds = house.call("alice", "open sesame").constraints
    assert bounds.networks == (ip_network("10.0.0.0/8"),)
    assert bounds.limit == Rate(5, 60)
    assert bounds.expires_at == NOW + 99


def test_a_flood_is_turned_away_with_a_time_to_come_back():
    class Full(InlineHashing):
        def verify(self, encoded: str, password: str) -> bool:
            raise Overloaded(retry_after=3)

    house = House(Full())
    house.book.add("user:alice", "open sesame")
    for name in ("alice", "nobody"):
        answer = house.call(name, "open sesame")
        assert answer.reason.code == "overloaded"
        assert answer.reason.status == 503
        assert answer.headers == ((b"retry-after", b"3"),)
    assert len(house.verdicts) == 0


def test_a_broken_store_is_broken_and_not_a_refusal(house):
    async def subject(name: str) -> None:
        raise Unavailable("the store is down")

    house.book.subject = subject
    with pytest.raises(Unavailable):
        house.call("alice", "open sesame")


def test_a_damaged_hash_is_broken_and_not_a_refusal(house):
    house.book.add("user:alice", "open sesame")
    house.book.passwords[0] = house.book.passwords[0].changed(secret=b"damaged")
    with pytest.raises(ValueError, match="damaged"):
        house.call("alice", "open sesame")


def test_on_a_pool_a_hundred_callers_are_told_apart():
    async def main() -> None:
        pool = HashingPool(CHEAP, at_once=2, queue=300)
        house = House(pool)
        for number in range(10):
            house.book.add(f"user:u{number}", f"password {number}")

        async def call(user: int, password: int) -> Principal | Rejection:
            value = b"Basic " + b64encode(f"u{user}:password {password}".encode())
            request = Request("GET", b"/", b"", [(b"authorization", value)], TLS)
            answer = house.basic.verify(house.basic.read(request), request)
            return answer if isinstance(answer, Principal) else await answer

        pairs = [(user, password) for user in range(10) for password in range(10)]
        answers = await asyncio.gather(*(call(*pair) for pair in pairs))
        for (user, password), answer in zip(pairs, answers, strict=True):
            if user == password:
                assert answer.subject == f"user:u{user}"
            else:
                assert answer.reason.code == "wrong_secret"
        pool.close()

    asyncio.run(main())


def test_the_login_goes_the_same_way(house):
    house.book.add("user:alice", "open sesame")
    who = run_sync(house.check.check("Alice", "open sesame", "login"))
    assert (who.subject, who.scheme, who.factors) == ("user:alice", "login", ("pwd",))
    assert run_sync(house.check.check("alice", "wrong", "login")).reason.code == "wrong_secret"
    assert run_sync(house.check.check("nobody", "wrong", "login")).reason.code == "unknown_credential"


def test_no_secret_is_shown(house):
    house.book.add("user:alice", "open sesame")
    value = b"Basic " + b64encode(b"alice:open sesame")
    request = Request("GET", b"/", b"", [(b"authorization", value)], TLS)
    shown = repr(house.basic.read(request)) + repr(house.call("alice", "open sesame wrong"))
    shown += repr(house.call("open sesame", "alice")) + repr(house.call("opensesame", "alice"))
    assert "sesame" not in shown
    assert value[6:].decode() not in shown


def test_challenge_of_rfc_7617_section_2_1(house):
    assert house.basic.challenge(None) == Challenge("Basic", (("realm", "watchword"), ("charset", "UTF-8")))
    assert house.basic.challenge(house.call("a", "b")) == house.basic.challenge(None)
    assert house.basic.describe()["type"] == "http"
    assert house.basic.describe()["scheme"] == "basic"
    assert (house.basic.name, house.basic.needs_body) == ("basic", False)


def test_a_weak_cache_key_is_refused():
    with pytest.raises(ValueError, match="cache_key"):
        Basic(House().check, Verdicts(), lambda: 0.0, cache_key=b"")


class TestGuesses:
    """Hold the limit of wrong passwords that all ways of proving one share (NIST SP 800-63B-4 section 3.2.2)."""

    def setup_method(self) -> None:
        self.now = 0.0
        self.meter = MemoryMeter(lambda: self.now)
        self.guesses = Guesses(self.meter, Rate(3, 60))

    async def attempt(
        self, password: str, right: bool = False, account: str = "alice", place: str = "", device: str = ""
    ) -> str:
        begun = await self.guesses.begin(account, password, place, device)
        if isinstance(begun, Rejection):
            return begun.reason.code
        who = Principal(f"user:{account}", "basic", "pwd_1")
        await self.guesses.end(account, begun, who if right else Rejection(WRONG_SECRET), place, device)
        return "tried"

    def test_attempts_are_counted_and_the_password_that_was_right_is_not(self) -> None:
        async def play() -> None:
            assert {await self.attempt("right", True) for _ in range(9)} == {"tried"}
            assert [await self.attempt(f"wrong {n}") for n in range(5)] == ["tried"] * 2 + ["rate_limited"] * 3
            assert await self.attempt("wrong", account="bob") == "tried"
            self.now += 60
            assert [await self.attempt(f"later {n}") for n in range(4)] == ["tried"] * 3 + ["rate_limited"]

        asyncio.run(play())

    @pytest.mark.parametrize("gap", [1.0, 7.0, 19.9])
    def test_no_span_of_time_holds_more_than_the_count(self, gap: float) -> None:
        async def play() -> None:
            tried = []
            for number in range(int(300 / gap)):
                if await self.attempt(f"wrong {number}") == "tried":
                    tried.append(self.now)
                self.now += gap
            assert len(tried) >= 9
            assert all(later - first >= 60 for first, later in zip(tried, tried[3:], strict=False))

        asyncio.run(play())

    def test_delays_grow_and_are_capped(self) -> None:
        async def play() -> None:
            waits = []
            for number in range(4000):
                begun = await self.guesses.begin("alice", f"wrong {number}")
                if isinstance(begun, Rejection):
                    waits.append(int(dict(begun.headers)[b"retry-after"]))
                    self.now += waits[-1]
                else:
                    await self.guesses.end("alice", begun, Rejection(WRONG_SECRET))
                if self.now > 3 * 86400:
                    break
            assert waits[0] == 60  # three in a minute
            assert 300 < max(waits[:20]) <= 400  # then nine in an hour
            assert max(waits) == 2880  # then thirty in a day, and it gets no worse

        asyncio.run(play())

    def test_the_owner_is_not_locked_out_by_those_who_guess(self) -> None:
        async def play() -> None:
            assert await self.attempt("right", True, place="192.0.2.1") == "tried"
            assert [await self.attempt(f"wrong {n}", place="6.6.6.6") for n in range(4)][-1] == "rate_limited"
            assert await self.attempt("right", True, place="192.0.2.1") == "tried"
            assert await self.attempt("other", place="192.0.2.1") == "rate_limited"
            assert await self.attempt("other", place="7.7.7.7", device="d1") == "tried"
            assert await self.attempt("other", place="7.7.7.7", device="d2") == "tried"

        asyncio.run(play())

    def test_who_guesses_is_not_told_that_a_guess_was_right(self) -> None:
        """Or the wait would be none: refused is wrong, let in is right, as fast as one can ask."""

        async def play() -> None:
            assert await self.attempt("right", True, place="192.0.2.1") == "tried"
            assert [await self.attempt(f"wrong {n}", place="6.6.6.6") for n in range(4)][-1] == "rate_limited"
            assert await self.attempt("right", True, place="6.6.6.6") == "rate_limited"

        asyncio.run(play())

    def test_who_guesses_while_the_owner_logs_in_is_not_told_either(self) -> None:
        """One's own attempts at the same moment are one; those of others elsewhere are not."""

        async def play() -> None:
            assert [await self.attempt(f"wrong {n}", place="6.6.6.6") for n in range(4)][-1] == "rate_limited"
            owner = await self.guesses.begin("alice", "right", "192.0.2.1", "d1")
            assert isinstance(owner, bytes)
            assert await self.attempt("right", True, place="192.0.2.1") == "tried"
            assert await self.attempt("right", True, place="6.6.6.6") == "rate_limited"
            await self.guesses.end("alice", owner, Principal("user:alice", "basic", "pwd_1"), "192.0.2.1", "d1")

        asyncio.run(play())

    def test_a_device_has_a_count_too(self) -> None:
        async def play() -> None:
            tried = [await self.attempt(f"wrong {n}", device="stolen") for n in range(5)]
            assert tried == ["tried"] * 3 + ["rate_limited"] * 2
            assert await self.attempt("wrong") == "tried"

        asyncio.run(play())

    def test_all_accounts_together_are_counted_but_for_devices(self) -> None:
        self.guesses = Guesses(self.meter, Rate(3, 60), Rate(4, 60))

        async def play() -> None:
            tried = [await self.attempt("wrong", account=f"a{n}") for n in range(6)]
            assert tried == ["tried"] * 4 + ["logins_limited"] * 2
            assert await self.attempt("wrong", account="a9", device="d") == "tried"

        asyncio.run(play())

    def test_many_guesses_at_once_do_not_outrun_the_count(self) -> None:
        async def play() -> None:
            begun = [await self.guesses.begin("alice", f"guess {n}") for n in range(50)]
            tried = [each for each in begun if isinstance(each, bytes)]
            assert len(tried) == 3
            for each in tried:
                await self.guesses.end("alice", each, None)  # cut short: nothing is known of it
            assert self.guesses._trying == {}

        asyncio.run(play())

    def test_one_password_by_many_requests_at_once_is_one_attempt(self) -> None:
        async def play() -> None:
            begun = [await self.guesses.begin("alice", "right") for _ in range(50)]
            assert all(isinstance(each, bytes) for each in begun)

        asyncio.run(play())

    def test_what_is_known_of_accounts_is_bounded(self) -> None:
        async def play() -> None:
            for number in range(5000):
                await self.attempt("right", True, account=f"a{number}")
            assert len(self.guesses._right) == 4096

        asyncio.run(play())
