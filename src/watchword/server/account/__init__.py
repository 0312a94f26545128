"""Let people sign up, reset and change what is theirs."""

__all__: list[str] = []
