"""The process that renders revisions once more: steps on standard input, scripts on its output."""

import sys
from pathlib import Path

import msgspec

from pybase.core import settings
from pybase.migrate.revisions._history import read
from pybase.migrate.revisions._render import render_own
from pybase.migrate.revisions._varying import Step

if __name__ == "__main__":
    steps = msgspec.json.decode(sys.stdin.buffer.read(), type=list[Step])
    path, section, *x = sys.argv[1:]
    history = read(settings.load(Path(path), x, section))
    sys.stdout.buffer.write(msgspec.json.encode(render_own(history, steps)))
