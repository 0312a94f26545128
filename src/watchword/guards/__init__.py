"""Hold the guards: one file is one defence; none knows another."""
