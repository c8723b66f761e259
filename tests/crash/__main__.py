"""`python -m tests.crash`: kill the server at every step, and see that nothing acknowledged is lost.

Needs strace, and root for the disk that fills up. `--part` runs one part, `--seed` repeats the clients' choices.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import time
from typing import TYPE_CHECKING

from tests.crash import failing_fsync, full_disk, injection, kills, order
from tests.crash.client import Cut, Violation
from tests.crash.life import Unable, require_program, say

if TYPE_CHECKING:
    from collections.abc import Callable


def main() -> int:
    options = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    options.add_argument("--seed", type=int, default=random.randrange(1_000_000))
    options.add_argument("--kills", type=int, default=200)
    options.add_argument("--part", choices=("kills", "injection", "order", "fsync", "disk"), action="append")
    chosen = options.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is ended, then too

    def kill() -> str:
        return str(kills.run(chosen.kills, chosen.seed))

    def inject() -> str:
        return injection.summary(injection.run())

    parts: dict[str, tuple[str, Callable[[], object]]] = {
        "kills": (f"SIGKILL at random instants, seed {chosen.seed}", kill),
        "injection": ("SIGKILL at each call of each operation", inject),
        "order": ("each answer after its fsyncs", order.run),
        "fsync": ("fsyncs that fail", failing_fsync.run),
        "disk": ("a disk that fills up", full_disk.run),
    }
    names = chosen.part or list(parts)
    failed = False
    try:
        if not {"injection", "order", "fsync"}.isdisjoint(names):
            require_program("strace", "strace")
        for name in names:
            title, part = parts[name]
            say(f"{name}: {title}")
            started = time.monotonic()
            try:
                say(f"{name}: {part()} ({time.monotonic() - started:.0f} s)")
            except (Violation, Cut) as failure:
                failed = True
                say(f"{name}: FAILED: {failure}")
    except Unable as reason:
        failed = True
        say(str(reason))
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
