"""Serve the lifecycle as REST to operators' programs: parse and render; what is done is decided below."""
