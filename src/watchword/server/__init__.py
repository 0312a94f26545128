"""Put the house together as a server."""
