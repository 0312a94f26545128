"""Show the house at work: a throw-away server with a sample API, honest callers, and the forged twins of each."""

__all__: list[str] = []
