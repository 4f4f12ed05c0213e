"""The whole examination, in the order in which one thing needs another."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from core import settings
from core.clock import Clock
from core.errors import SettingError
from web.doctor.contents import contents
from web.doctor.environment import folders, model, names, values, writer
from web.doctor.finding import Finding, fail
from web.doctor.servers import Examined, redis


def examine(clock: Clock, environ: Mapping[str, str] = os.environ, env_file: Path = Path(".env")) -> Iterator[Finding]:
    """Look at everything; what rests on something broken is left out."""
    yield from names(environ, env_file)
    try:
        found = settings.load()
    except (SettingError, OSError) as error:
        yield fail("settings", str(error), f"correct it in the environment or in {env_file}")
        return
    for look in (values, folders, model, writer, redis):
        yield from look(found)
    database = Examined(found)
    yield from database.findings()
    if database.fits:
        yield from contents(found, clock)
