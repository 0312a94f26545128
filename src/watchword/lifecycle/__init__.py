"""Issue, rotate, revoke: one set of verbs over every kind of credential."""
