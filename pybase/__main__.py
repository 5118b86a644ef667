"""`python -m pybase VERB`: what the nox sessions call."""

import gc
import sys

try:
    from pybase.cli import main
except KeyboardInterrupt:
    sys.exit(130)
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
    sys.exit(2)

gc.set_threshold(100_000)  # the records of a long history live to the end: 7 % of `sql`'s time
sys.exit(main())
