"""Where a command begins and ends: its arguments, and errors as exit codes."""
