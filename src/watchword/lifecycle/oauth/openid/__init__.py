"""Add OpenID Connect: who logged in, under which name each application knows them, and that they logged out."""
