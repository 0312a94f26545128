"""Turn bytes into values and back: pure and synchronous."""
