"""Sign up, reset, change, leave: the acts that ``Accounts`` brings together."""

__all__: list[str] = []
