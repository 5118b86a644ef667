"""The `check` verb: whether models, revisions and committed SQL agree."""
