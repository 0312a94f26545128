"""Show operators what goes on, and let them act: the same acts as on the command line."""
