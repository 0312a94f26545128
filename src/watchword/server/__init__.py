"""Be the server: settings, endpoints, forward-auth, pages, and the process that runs them."""
