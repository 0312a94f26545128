"""Speak OpenID Connect: who somebody is, that they sign out, what there is."""
