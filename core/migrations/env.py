"""Alembic's entry: uses the caller's connection, or (from Alembic's own command line) the configured database."""

from alembic import context
from sqlalchemy import Connection

from core import settings, text_index
from core.tables import Row


def _run(connection: Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=Row.metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        compare_type=True,
        include_name=lambda name, kind, _: not text_index.is_ours(name, kind),
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    from core.db import Database

    with Database(settings.load().database).migrating() as own:
        _run(own)
