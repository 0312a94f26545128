"""Tell explanations: to people as a story, and of a running server."""
