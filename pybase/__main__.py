"""`python -m pybase VERB`: what the nox sessions call."""

import gc
import sys

try:
    from pybase.cli import main
except KeyboardInterrupt:
    sys.exit(130)

gc.set_threshold(100_000)  # the records of a long history live to the end: 7 % of `sql`'s time
sys.exit(main())
