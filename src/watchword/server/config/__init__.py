"""Read watchword.toml and the environment, and build the server of them."""
