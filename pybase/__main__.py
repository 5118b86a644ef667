"""`python -m pybase VERB`: what the nox sessions call."""

import sys

from pybase.cli import main

sys.exit(main())
