"""Speak OAuth: parse and render; what is decided is decided below."""
