"""One PostgreSQL database for many tests: emptied before each, and copied anew where a test changed the tables.

To copy the tables takes ten times as long as to delete the few rows that a test wrote.
"""

from __future__ import annotations

from contextlib import ExitStack

from sqlalchemy import URL, Connection, NullPool, create_engine, text

from tests import servers

_OURS = "relnamespace = 'public'::regnamespace"
_SHAPE = f"""SELECT md5(string_agg(one, ',' ORDER BY one)) FROM (
    SELECT concat_ws(' ', relname, oid) AS one FROM pg_class WHERE {_OURS}
    UNION ALL SELECT concat_ws(' ', tgname, oid, xmin) FROM pg_trigger WHERE NOT tgisinternal
    UNION ALL SELECT concat_ws(' ', proname, oid, xmin) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', conname, oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
    UNION ALL SELECT concat_ws(' ', attrelid, count(*), max(attribute.xmin::text::bigint)) FROM pg_attribute attribute
        JOIN pg_class ON attrelid = pg_class.oid WHERE {_OURS} GROUP BY attrelid
) shapes"""
"""Tables, columns, indexes, rules, triggers and functions, as one word."""
_ALONE = """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()"""
_TABLES = f"SELECT relname FROM pg_class WHERE relkind = 'r' AND {_OURS}"
_GROWN = _TABLES + " AND pg_relation_size(oid) > 250000"
_COUNTED = """SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false)
    FROM pg_sequences WHERE last_value IS NOT NULL"""


class Emptied:
    """The database: `url()` gives its address, with tables as `template` has them and no other rows."""

    def __init__(self, server: URL, template: str) -> None:
        self._server, self._template, self._opened = server, template, ExitStack()
        self._connection: Connection | None = None
        self._url = self._shape = self._delete = ""
        self._kept: dict[str, str] = {}

    def url(self) -> str:
        """Its address, once nothing is left of the last test."""
        if self._connection is not None:
            self._connection.execute(text(_ALONE))
            if self._connection.scalar(text(_SHAPE)) == self._shape:
                self._empty(self._connection)
                return self._url
        self._copy()
        return self._url

    def close(self) -> None:
        """Drop it."""
        self._opened.close()

    def _copy(self) -> None:
        self._opened.close()
        self._url = self._opened.enter_context(servers.database(self._server, self._template))
        engine = create_engine(self._url, isolation_level="AUTOCOMMIT", poolclass=NullPool)
        connection = self._connection = self._opened.enter_context(engine.connect())  # kept: it knows the tables
        connection.execute(text("SET session_replication_role = replica"))  # no triggers, no foreign keys
        self._shape = str(connection.scalar(text(_SHAPE)))
        names = connection.scalars(text(_TABLES)).all()
        self._delete = ";".join(f'DELETE FROM "{name}"' for name in names)
        rows = {name: connection.scalar(text(f'SELECT json_agg(t)::text FROM "{name}" t')) for name in names}
        self._kept = {name: kept for name, kept in rows.items() if kept}

    def _empty(self, connection: Connection) -> None:
        connection.exec_driver_sql(self._delete)
        for name, kept in self._kept.items():
            again = f'INSERT INTO "{name}" SELECT * FROM json_populate_recordset(NULL::"{name}", CAST(:kept AS json))'
            connection.execute(text(again), {"kept": kept})
        connection.execute(text(_COUNTED))
        for name in connection.scalars(text(_GROWN)).all():
            connection.execute(text(f'VACUUM "{name}"'))
