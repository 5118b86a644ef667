"""Errors, settings, files and styled text: what every package may import.

It imports no other package of PyBase, opens no connection to a database, and prints nothing.
"""
