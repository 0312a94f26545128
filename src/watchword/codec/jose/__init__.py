"""JSON Web Signatures and Keys, RFC 7515, 7517, 7518, 8037, 8725, 9864: keys, and what they sign."""

from watchword.codec.jose.keys import KeyRefused, SigningKey, VerificationKey, key_set
from watchword.codec.jose.tokens import Header, Token, header_of, open_token, peek, verify

__all__ = [
    "Header",
    "KeyRefused",
    "SigningKey",
    "Token",
    "VerificationKey",
    "header_of",
    "key_set",
    "open_token",
    "peek",
    "verify",
]
