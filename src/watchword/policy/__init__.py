"""The policy: one expression that says which proofs a route accepts. Parse, print, compile, describe."""

from watchword.policy.compiled import Compiled, Presence, alternatives, compile
from watchword.policy.syntax import parse
from watchword.policy.tree import Both, Either, Leaf, Policy, PolicyError, Public, Via, names, normal, render

__all__ = [
    "Both",
    "Compiled",
    "Either",
    "Leaf",
    "Policy",
    "PolicyError",
    "Presence",
    "Public",
    "Via",
    "alternatives",
    "compile",
    "names",
    "normal",
    "parse",
    "render",
]
