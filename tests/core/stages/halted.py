"""Is told to end while it works on its first id, as when a machine is shut down."""

from __future__ import annotations

import os
import signal

from core import waiting
from core.runtime import Runtime


def work(runtime: Runtime) -> int:
    with runtime.db.write() as db:
        ids = waiting.take(db, runtime.clock, "halted", 1)
        os.kill(os.getpid(), signal.SIGTERM)
        waiting.done(db, "halted", ids)
    return len(ids)
