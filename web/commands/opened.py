"""What a command starts with: settings, logging and a database that fits, given back at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from sqlalchemy import select
from sqlalchemy.orm import Session

from core import log, runtime, settings
from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand


@contextmanager
def opened(overrides: Mapping[str, object] | None = None, *, service: bool = False) -> Iterator[Runtime]:
    """The runtime that the environment asks for. A `service` logs as LOG_LEVEL says, a single command only trouble."""
    chosen = settings.load(overrides)
    quiet = chosen.log_level == "INFO" and not service
    log.configure("WARNING" if quiet else chosen.log_level, chosen.log_format)
    ready = runtime.build(chosen)
    try:
        yield ready
    finally:
        ready.db.close()


def brand_of(db: Session, slug: str) -> Brand:
    """The brand with this slug; BadInput that names those there are."""
    found = db.scalar(select(Brand).where(Brand.slug == slug))
    if found is None:
        slugs = ", ".join(db.scalars(select(Brand.slug).order_by(Brand.slug))) or "none yet"
        raise BadInput(f"no brand {slug!r}; there are: {slugs}. `ripplewatch brand add` makes one")
    return found
