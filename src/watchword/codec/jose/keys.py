"""Keys for JSON Web Signatures: RFC 7517, 7518, 8037, 9864. The only module that knows joserfc."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias, final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from watchword.codec.jose.edwards import verifier
from watchword.codec.strict import json_object, to_base64url

__all__ = ["ALGORITHMS", "KeyRefused", "SigningKey", "VerificationKey", "is_kid", "key_set"]

PublicKey: TypeAlias = ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey | rsa.RSAPublicKey
PrivateKey: TypeAlias = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey

_MOST_KID: Final = 256  # characters
_RSA_BITS: Final = (2_048, 8_192)
_RSA_EXPONENT: Final = 2**33  # a proof of a stranger's key with a longer one would cost as much as hundreds of others

# One row an algorithm: header names that mean it, the joserfc algorithm (RFC 9864 calls EdDSA over Ed25519 "Ed25519").
_ALGORITHMS: Final[Mapping[str, tuple[frozenset[str], str]]] = {
    "EdDSA": (frozenset({"EdDSA", "Ed25519"}), "Ed25519"),
    "ES256": (frozenset({"ES256"}), "ES256"),
    "RS256": (frozenset({"RS256"}), "RS256"),
    "PS256": (frozenset({"PS256"}), "PS256"),
}
ALGORITHMS: Final = frozenset(name for names, _ in _ALGORITHMS.values() for name in names)
"""What ``alg`` may name."""

_REGISTRY: Final = JWSRegistry(algorithms=[name for _, name in _ALGORITHMS.values()])
_PRIVATE_MEMBERS: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_KINDS: Final[Mapping[str, Any]] = {"OKP": OKPKey, "EC": ECKey, "RSA": RSAKey}


class KeyRefused(ValueError):
    """Say that a key is not fit to verify with; the text names no key material."""


def _algorithm_of(key: object, *, pss: bool) -> str:
    """Return the one algorithm that a key is good for; with ``pss`` that of an RSA key is PS256."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "EdDSA"
    if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(key.curve, ec.SECP256R1):
        return "ES256"
    sized = isinstance(key, rsa.RSAPublicKey) and _RSA_BITS[0] <= key.key_size <= _RSA_BITS[1]
    if isinstance(key, rsa.RSAPublicKey) and sized and key.public_numbers().e < _RSA_EXPONENT:
        return "PS256" if pss else "RS256"
    raise KeyRefused("a key must be Ed25519, EC P-256, or RSA of 2048 to 8192 bits")


def _wrapped(key: Any) -> OKPKey | ECKey | RSAKey:
    if isinstance(key, (ed25519.Ed25519PublicKey, ed25519.Ed25519PrivateKey)):
        return OKPKey.import_key(key)
    if isinstance(key, (ec.EllipticCurvePublicKey, ec.EllipticCurvePrivateKey)):
        return ECKey(key, key)
    return RSAKey(key, key)


class _Ready:
    """Present a public key as joserfc's algorithms ask for it; what it is good for was settled when it loaded."""

    __slots__ = ("_key", "curve_key_size")

    def __init__(self, key: PublicKey) -> None:
        self._key = key
        self.curve_key_size = key.key_size if isinstance(key, ec.EllipticCurvePublicKey) else 0

    def get_op_key(self, operation: str) -> PublicKey:
        return self._key


def _verifying(key: PublicKey, name: str) -> Callable[[bytes, bytes], bool]:
    """Return what tells whether a signature is the key's over a text."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return verifier(key)
    check, ready = _REGISTRY.get_alg(name).verify, _Ready(key)
    return lambda signed, signature: check(signed, signature, ready)


@final
class VerificationKey:
    """Hold one public key with its one algorithm: ``EdDSA``, ``ES256`` or ``RS256``; with ``pss`` PS256."""

    __slots__ = ("_wrapped", "algorithm", "kid", "names", "signature_length", "verifies")

    def __init__(self, key: PublicKey, kid: str | None = None, *, pss: bool = False) -> None:
        """Take a public key of the cryptography package; ``kid`` defaults to its thumbprint. Raise KeyRefused."""
        self.algorithm: str = _algorithm_of(key, pss=pss)
        self._wrapped = _wrapped(key)
        self.kid: str = kid if kid is not None else self._wrapped.thumbprint()
        self.names: frozenset[str]
        self.names, name = _ALGORITHMS[self.algorithm]
        self.verifies: Callable[[bytes, bytes], bool] = _verifying(key, name)
        """Return whether the second (raw, RFC 7518 section 3) is this key's signature over the first."""
        size = (key.key_size + 7) // 8 if isinstance(key, rsa.RSAPublicKey) else 64
        self.signature_length: int = (size * 4 + 2) // 3  # characters of base64url

    def __repr__(self) -> str:
        return f"VerificationKey(kid={self.kid!r}, algorithm={self.algorithm!r})"

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, Any]) -> VerificationKey:
        """Load a public JSON Web Key (RFC 7517 section 4). Raise KeyRefused.

        Refused are symmetric keys, private members, a ``use``, ``key_ops`` or ``alg`` that says something else than
        verifying with the key's own algorithm. An RSA key is for RS256 unless its ``alg`` says PS256.
        """
        kind = _KINDS.get(str(jwk.get("kty")))
        if kind is None or not _PRIVATE_MEMBERS.isdisjoint(jwk):
            raise KeyRefused("a JWK must be a public key of type OKP, EC or RSA")
        if jwk.get("use", "sig") != "sig" or jwk.get("key_ops", ["verify"]) != ["verify"]:
            raise KeyRefused("the JWK is not for verifying signatures")
        kid = jwk.get("kid")
        if kid is not None and not is_kid(kid):
            raise KeyRefused("the JWK's kid is not a text of at most 256 characters")
        try:
            loaded = cls(kind.import_key(_material(jwk)).public_key, kid, pss=jwk.get("alg") == "PS256")
        except KeyRefused:
            raise
        except Exception:  # whatever a hostile key breaks on the way in, it is refused
            raise KeyRefused("the JWK is malformed") from None
        if "alg" in jwk and not any(jwk["alg"] == name for name in loaded.names):
            raise KeyRefused("the JWK's alg is not the one of such a key")
        return loaded

    @classmethod
    def from_pem(cls, pem: bytes, kid: str | None = None) -> VerificationKey:
        """Load a public key in PEM (RFC 7468 section 13). Raise KeyRefused."""
        try:
            key = serialization.load_pem_public_key(pem)
        except Exception:  # unsupported kinds raise their own errors
            raise KeyRefused("not a public key in PEM") from None
        return cls(key, kid)  # type: ignore[arg-type]  # _algorithm_of refuses other kinds

    def public_jwk(self) -> dict[str, Any]:
        """Return the key as a JSON Web Key with ``kid``, ``use`` and ``alg``."""
        material = _material(self._wrapped.as_dict(private=False))
        return {**material, "kid": self.kid, "use": "sig", "alg": self.algorithm}

    def thumbprint(self) -> str:
        """Return the base64url SHA-256 of what makes the key (RFC 7638)."""
        return self._wrapped.thumbprint()


def _material(jwk: Mapping[str, Any]) -> dict[str, Any]:
    return {name: jwk[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in jwk}


def is_kid(kid: object) -> bool:
    """Return whether a ``kid`` is a text of 1 to 256 printable characters."""
    return isinstance(kid, str) and 0 < len(kid) <= _MOST_KID and kid.isprintable()


def key_set(raw: bytes) -> dict[str, VerificationKey] | None:
    """Return the usable keys of a JWK Set (RFC 7517 section 5) by ``kid``, or None when it is no such set.

    Keys of other kinds and unfit keys are left out, as the RFC asks; so is a second key with a ``kid`` already there.
    """
    document = json_object(raw)
    keys = document.get("keys") if document is not None else None
    if not isinstance(keys, list):
        return None
    loaded: dict[str, VerificationKey] = {}
    for jwk in keys:
        try:
            key = VerificationKey.from_jwk(jwk) if isinstance(jwk, dict) else None
        except KeyRefused:
            continue
        if key is not None:
            loaded.setdefault(key.kid, key)
    return loaded


@final
class SigningKey:
    """Hold a private key and sign claims with it. Its ``repr`` shows the ``kid`` only."""

    __slots__ = ("_heads", "_key", "_sign", "_wrapped", "kid", "verification")

    def __init__(self, key: PrivateKey, kid: str | None = None) -> None:
        """Take a private key of the cryptography package. Raise KeyRefused when it is not fit."""
        self.verification: VerificationKey = VerificationKey(key.public_key(), kid)
        self.kid: str = self.verification.kid
        self._key = key
        self._wrapped = _wrapped(key)
        self._sign = _REGISTRY.get_alg(_ALGORITHMS[self.algorithm][1]).sign
        self._heads: dict[str, bytes] = {}

    def __repr__(self) -> str:
        return f"SigningKey(kid={self.kid!r}, algorithm={self.algorithm!r})"

    @property
    def algorithm(self) -> str:
        """Return the algorithm's name as headers carry it."""
        return self.verification.algorithm

    @classmethod
    def generate(cls, algorithm: str = "EdDSA", kid: str | None = None) -> SigningKey:
        """Make a new key for ``EdDSA`` (the default), ``ES256`` or ``RS256`` (3072 bits)."""
        if algorithm == "EdDSA":
            return cls(ed25519.Ed25519PrivateKey.generate(), kid)
        if algorithm == "ES256":
            return cls(ec.generate_private_key(ec.SECP256R1()), kid)
        if algorithm == "RS256":
            return cls(rsa.generate_private_key(65_537, 3_072), kid)
        raise KeyRefused("the algorithm must be EdDSA, ES256 or RS256")

    @classmethod
    def from_pkcs8(cls, der: bytes, kid: str | None = None) -> SigningKey:
        """Load an unencrypted PKCS#8 key in DER (RFC 5958). Raise KeyRefused."""
        try:
            key = serialization.load_der_private_key(der, None)
        except Exception:  # the cause's text might quote the input
            raise KeyRefused("not a private key in PKCS#8") from None
        if not isinstance(key, (ed25519.Ed25519PrivateKey, ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey)):
            raise KeyRefused("a key must be Ed25519, EC P-256, or RSA of 2048 to 8192 bits")
        return cls(key, kid)

    def to_pkcs8(self) -> bytes:
        """Return the private key as PKCS#8 in DER, to be sealed at once."""
        form = serialization.PrivateFormat.PKCS8
        return self._key.private_bytes(serialization.Encoding.DER, form, serialization.NoEncryption())

    def public_jwk(self) -> dict[str, Any]:
        """Return the public half as a JSON Web Key."""
        return self.verification.public_jwk()

    def sign(self, claims: Mapping[str, Any], typ: str = "JWT", headers: Mapping[str, Any] | None = None) -> str:
        """Return the claims as a signed compact JWT (RFC 7519 section 7.1), with more header members if given."""
        head = self._heads.get(typ) if headers is None else None
        if head is None:
            head = to_base64url(_dump({**(headers or {}), "alg": self.algorithm, "kid": self.kid, "typ": typ}))
            if headers is None:
                self._heads[typ] = head
        signed = head + b"." + to_base64url(_dump(claims))
        return (signed + b"." + to_base64url(self._sign(signed, self._wrapped))).decode("ascii")


_ENCODE: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


def _dump(value: Mapping[str, Any]) -> bytes:
    return _ENCODE(dict(value)).encode()
