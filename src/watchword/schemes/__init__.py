"""Prove who is calling: one file is one scheme."""
