"""`python -m pybase VERB`: what the nox sessions call."""

import atexit
import gc
import os
import sys

gc.set_threshold(100_000)  # the records of a long history live to the end: 7 % of `sql`'s time
status = 1
atexit.register(lambda: os._exit(status))  # the last one; to free all objects takes 8 % of a run
try:
    from pybase.cli import main
except KeyboardInterrupt:
    status = 130
except ModuleNotFoundError as error:  # as in an environment that has only nox
    if (error.name or "").partition(".")[0] == "pybase":
        raise
    verb = " ".join(sys.argv[1:2]) or "migrate"
    print(
        f"error[missing-package]: {sys.executable} does not have {error.name}, as PyBase needs.\n"
        f"hint: Run it as a session (nox -s {verb}), or with the Python of the sessions: "
        f".nox/environment/bin/python -m pybase {verb}",
        file=sys.stderr,
    )
    status = 2
else:
    status = main()
