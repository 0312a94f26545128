"""What OAuth alone reads and writes: pure."""
