"""Decide as an authorization server: OAuth 2.1 and OpenID Connect as state machines over the stores."""
