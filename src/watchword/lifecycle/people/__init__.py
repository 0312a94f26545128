"""What people do with their accounts: sign up, prove more, log out, leave."""

__all__: list[str] = []
