"""Speak to frameworks: one file is one framework."""
