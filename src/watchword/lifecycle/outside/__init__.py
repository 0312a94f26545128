"""Let people log in with an identity that somebody else vouches for: an OpenID provider, or GitHub."""

__all__: list[str] = []
