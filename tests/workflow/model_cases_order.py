"""Changes of models in which the order of the steps matters, as data."""

