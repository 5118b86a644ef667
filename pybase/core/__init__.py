"""Errors, settings, files, styled text and terminal: what every package may import."""
