"""Look for our own secrets in files, archives and git histories, offline. Needs the plain library alone."""
