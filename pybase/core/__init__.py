"""Ground that every package stands on: errors, settings, files."""
