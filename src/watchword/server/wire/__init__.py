"""Speak the protocol that callers speak."""
