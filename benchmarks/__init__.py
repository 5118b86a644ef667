"""Measurements of the promises about speed: ratios within one run, so that they hold anywhere."""
