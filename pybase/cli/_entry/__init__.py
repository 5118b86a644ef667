"""Where a command begins and ends: its arguments, its streams, and errors as exit codes."""
