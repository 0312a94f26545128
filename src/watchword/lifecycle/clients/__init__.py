"""Keep OAuth clients: what an operator may say of one, and the acts that change it."""
