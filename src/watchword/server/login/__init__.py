"""Let people in: name and password, refresh, logout, and what slows down who guesses."""
