"""Errors, settings, files and styled text: what every package may import."""
