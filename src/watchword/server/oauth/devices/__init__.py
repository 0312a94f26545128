"""Let devices ask people elsewhere (RFC 8628): the endpoint for devices, the page for people."""
