"""Judge the checking of hashes that other systems made."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from watchword.codec.passwords import Cost, adopted, fits, hashing, idle, outdated, together, work
from watchword.codec.passwords.foreign import parse

PASSWORD = "correct horse battery stäple"

# RFC 6070 section 2 (SHA-1), RFC 7914 section 11 (SHA-256, its first block).
PBKDF2 = [
    ("password", "pbkdf2_sha1$1$salt$DGDID5YfDnHzqbUkr2ASBi/gN6Y="),
    ("password", "pbkdf2_sha1$2$salt$6mwBTcctb4zNHtkqzh1B8NjeiVc="),
    ("password", "pbkdf2_sha1$4096$salt$SwB5AbdlSJq+rUnZJvch0GWkKcE="),
    ("passwd", "pbkdf2:sha256:1$salt$55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"),
]
# RFC 7914 section 12.
SCRYPT = [
    (
        "password",
        "scrypt:1024:8:16$NaCl$fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
        "2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640",
    ),
    (
        "pleaseletmein",
        "scrypt:16384:8:1$SodiumChloride$7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2"
        "d5432955613f0fcf62d49705242a9af9e61e85dc0d651e40dfcf017b45575887",
    ),
]
# Test vectors of Openwall's crypt_blowfish, whose prefix was $2a$ then.
BCRYPT = [
    ("U*U", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"),
    ("U*U*", "$2a$05$CCCCCCCCCCCCCCCCCCCCC.VGOzA784oUp/Z0DY336zx7pLYAy0lwK"),
    ("U*U*U", "$2a$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
    ("U*U*U", "$2y$05$XXXXXXXXXXXXXXXXXXXXXOAcXxm9kjPGEMsLznoKqmqw7tc8WCx4a"),
]
# Made with Django 5.2.19, Werkzeug 3.1.9, passlib 1.7.4 and bcrypt 5.0.0 from PASSWORD.
MADE = [
    "pbkdf2_sha256$1000$Zbk1yRf0qDXp$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=",
    "pbkdf2_sha256$1000000$Zbk1yRf0qDXp$NIqKWs9W0aICqdQQlSqFCo9msKVg1jos3jYVXmVMktQ=",
    "pbkdf2_sha1$1000$Zbk1yRf0qDXp$AbjDBho9huURd60waknQvLPLTXs=",
    "bcrypt_sha256$$2b$04$SVMfGXx2yPDsAegCvx3d2utYqRBs3.dB3u5KitjOwc3JD4CMCHRaC",
    "bcrypt$$2b$04$T9MmX07QP5TfC/kfCEoajOnjH92eNYA4tZKMRvAbs3RuqKKEaChWS",
    "scrypt$16$Zbk1yRf0qDXp$8$5$6Iz1J95LDIoFK4amGrEDxXgrJHt9oiXnoU2bcmNYnuh/ccEaMFFzP2m9n2YwU9FvIR5T3Z45Ec7tPNKZDPyc3A==",
    "scrypt$16384$Zbk1yRf0qDXp$8$5$ZjiRcfLnS8F4YMe1ZrhklUI7QAXQ+aYQy46XhPZ9uC9mrXbkKrulkdM3ndQHikkYPMMUOta7hJF9OEj+n3UosQ==",
    "argon2$argon2id$v=19$m=102400,t=2,p=8$WmJrMXlSZjBxRFhw$baXNLS7WhTlYYRMpp9sVXvegMaDwlkGG8bbfGR3RkW0",
    "pbkdf2:sha256:1000$vctAZfMic8VE7NoJ$cb97b0f64b96e0f8a7b60f6281c998a9aa2c7b857bc62a4e4523969f7ce9fff4",
    "pbkdf2:sha512:1000$ZZyClL7HxdZXm5JK$8b869242f676fa87caeb05777305bd32a4271c188b76bbd658aee88ddfad96b43e66ee90a5"
    "30ea566a5a1f2954e42eaa1a5d31d16a30da26ec39b4bab4618e4c",
    "scrypt:1024:8:1$iPPtD1AnByf45FEX$0069d97ab5c660c050bc5534077338fcf118259539e54ddd487f9874afcf230c73a1e07db1a97da2"
    "8a57fb464d328d78a8c2dbad216e0822bf82933b8cb26868",
    "$pbkdf2-sha256$1000$fo/R.r.XsnbOOYewlrLW.g$yyEac05qxU6kTURFYxCQgyUXP.5ZJtDxbq3T9yV/L8k",
    "$pbkdf2-sha512$1000$zVmrFUJIyRnj/J/TmjOm9A$cih9QuA/Y2YiB1GDAqqpEMvMDNLxydSLF3/.ayECamfUJxqQGtnwlkvNeFTGc6AzZKcW5SZ"
    "CMcluTKPPTxCt/Q",
    "$scrypt$ln=4,r=8,p=1$4/y/V6r1fq+1FgLg3LvX+g$FuqeNgVsXe9ZCWORhtl4ZjlAmKhMGYVGwURzUb5MmYo",
    "$2b$04$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm",
    "$2a$04$TpySZm352vADWqSP8yx8uOymcFqFOUjrvoZQbmjjnOGW7qfjDC3j2",
]


@pytest.mark.parametrize(("password", "encoded"), [*PBKDF2, *SCRYPT, *BCRYPT, *((PASSWORD, made) for made in MADE)])
def test_known_hashes_fit_their_password_only(password, encoded):
    stored = adopted(encoded)
    assert fits(stored, password)
    assert not fits(stored, password + "x")
    assert not fits(stored, password[:-1])
    assert outdated(stored, Cost())


def _bcrypt_of(password: bytes) -> str:
    import bcrypt

    return bcrypt.hashpw(password[:72], b"$2b$04$j93WSBhWZ5KIzOsO9sO7hO").decode()


def test_bcrypt_truncation_at_72_bytes_accepts_no_other_tail():
    password = "p" * 72 + "the tail"
    stored = adopted(_bcrypt_of(password.encode()))
    assert not fits(stored, "p" * 72 + "another tail")
    assert not fits(stored, password), "it cannot be told from another tail"
    assert fits(stored, "p" * 72)
    assert not fits(adopted(_bcrypt_of(("é" * 36).encode())), "é" * 36 + "x")


def test_a_password_over_72_bytes_costs_as_much_as_another(monkeypatch):
    import bcrypt

    hashed = []
    real = bcrypt.hashpw
    monkeypatch.setattr(bcrypt, "hashpw", lambda raw, salt: hashed.append(len(raw)) or real(raw, salt))
    fits(adopted(_bcrypt_of(b"p" * 72)), "p" * 80)
    assert hashed[-1] == 72
    assert len(hashed) == 2


def test_django_bcrypt_sha256_counts_long_passwords_whole():
    stored = "bcrypt_sha256$$2b$04$4f8.LHnhl608s/8D7SXr7.2y1XC8zEO3ti6E108Iv3tcEHEl9g8Oi"
    assert fits(stored, "x" * 100)
    assert not fits(stored, "x" * 99 + "y")


def test_foreign_hashes_take_the_password_as_it_was_typed():
    decomposed = "cafe\u0301 au lait"
    stored = adopted(_bcrypt_of(decomposed.encode()))
    assert fits(stored, decomposed)
    assert not fits(stored, "caf\u00e9 au lait")


@pytest.mark.parametrize(
    ("encoded", "what"),
    [
        ("$2b$15$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm", "bcrypt with cost 15"),
        ("$2b$31$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm", "bcrypt with cost 31"),
        ("$2b$03$QthvFew2Lxf/dch9WHBA1OJ047BIhTXfI8OUHk7P7DIYaARbIuCEm", "bcrypt with cost 3"),
        ("pbkdf2_sha256$999999999$salt$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=", "999,999,999 iterations"),
        ("pbkdf2_sha256$0$salt$0vFtH4LxHV2srroU0LZlwdKuuvO5zQLkALqrN9rLP5Y=", "0 iterations"),
        ("pbkdf2_sha256$1000$salt$0vFtH4Lx", "a result of 6 bytes"),
        ("pbkdf2_sha256$1000$salt$0vFtH", "not base64"),
        ("scrypt:1048576:8:1$salt$" + "00" * 64, "more than 128 MiB"),
        ("scrypt:16384:8:9999$salt$" + "00" * 64, "more than 128 MiB or four seconds"),
        ("scrypt:1000:8:1$salt$" + "00" * 64, "a power of two"),
        ("scrypt:1024:8:1$salt$" + "00" * 8, "a result of 8 bytes"),
        ("$scrypt$ln=63,r=8,p=1$4/y/V6r1fq$FuqeNgVsXe9ZCWORhtl4ZjlAmKhMGYVGwURzUb5MmYo", "more than 128 MiB"),
        ("$argon2id$v=19$m=4194304,t=2,p=8$WmJrMXlSZjBxRFhw$baXNLS7WhTlYYRMpp9sVXvegMaDwlkGG8bbfGR3RkW0", "256 MiB"),
        ("$argon2id$v=19$m=64,t=99999,p=8$WmJrMXlSZjBxRFhw$baXNLS7WhTlYYRMpp9sVXvegMaDwlkGG8bbfGR3RkW0", "16 passes"),
        ("$argon2id$nonsense", "a damaged Argon2 hash"),
        ("5f4dcc3b5aa765d61d8327deb882cf99", "not a password hash that is known"),
        ("md5$salt$5f4dcc3b5aa765d61d8327deb882cf99", "not a password hash that is known"),
        ("$1$salt$qJH7.N4xYta3aEG/dfqo/0", "not a password hash that is known"),
        ("$2x$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW", "not a password hash that is known"),
        ("pbkdf2_sha1$1$sa\nlt$DGDID5YfDnHzqbUkr2ASBi/gN6Y=", "not a password hash that is known"),
        ("hunter2 in plain text", "not a password hash that is known"),
        ("!", "not a password hash that is known"),
        ("", "not a password hash that is known"),
    ],
)
def test_what_is_absurd_damaged_or_unknown_is_refused_without_being_quoted(encoded, what):
    with pytest.raises(ValueError, match=what) as caught:
        adopted(encoded)
    for secret in ("hunter2", "5f4dcc3b", "0vFtH4Lx", "QthvFew2", "baXNLS7W"):
        assert secret not in str(caught.value)


@pytest.mark.parametrize("encoded", [made for made in MADE if "1000000" not in made])
def test_dummies_are_read_like_real_ones_and_cost_the_same(encoded):
    spent = work(adopted(encoded))
    made = idle(spent.kind, spent.units)
    assert {work(each).kind for each in made} == {spent.kind}
    assert sum(work(each).units for each in made) == spent.units
    assert not any(fits(each, PASSWORD) for each in made)


@given(st.integers(4, 14), st.integers(4, 14))
def test_what_a_cheap_bcrypt_leaves_is_made_up_for_exactly(cheap, costly):
    left = 2 ** max(cheap, costly) - 2 ** min(cheap, costly)
    assert sum(work(each).units for each in idle("bcrypt", left)) == left


def test_of_several_hashes_together_any_may_fit_and_all_are_checked(monkeypatch):
    checked = []
    for_one = hashing._fits
    monkeypatch.setattr(hashing, "_fits", lambda *call: checked.append(call[0]) or for_one(*call))
    several = together([adopted(made) for made in MADE if "1000000" not in made])
    assert fits(several, PASSWORD)
    assert len(checked) == len(MADE) - 1
    assert not fits(several, PASSWORD + "x")
    assert fits(together([*idle("bcrypt", 48), MADE[0]]), PASSWORD)


def test_no_work_is_no_dummy():
    for kind in ("bcrypt", "pbkdf2-sha256", "scrypt 16 8", "argon2id 8 1 1"):
        assert idle(kind, 0) == []
        assert idle(kind, -1) == []
    with pytest.raises(ValueError, match="kind of work"):
        idle("md5", 1)


def test_a_hash_is_not_shown():
    for made in MADE:
        if not made.startswith("argon2"):
            assert made.rsplit("$", 1)[1][:8] not in repr(parse(made))


@given(st.text(max_size=80))
@settings(max_examples=200)
def test_any_text_is_read_or_refused(text):
    for prefix in ("", "$2b$04$", "pbkdf2_sha256$1$", "scrypt:16:8:1$", "$scrypt$ln=4,r=8,p=1$", "$argon2id$v=19$"):
        try:
            adopted(prefix + text)
        except ValueError as refused:
            assert type(refused) is ValueError
