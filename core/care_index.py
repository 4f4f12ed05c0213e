"""Which days' figures of care have to be made anew, as the databases themselves note it (migration 0007).

Triggers on cases write a CareChange for the day of whatever case came, went or changed in what the figures of care are
made of, in the transaction that changed it: no code that moves a case need think of it. The rows are only ever added
here, so that two who change cases of one day never wait for each other. A revision that makes `cases` anew on SQLite
(batch mode) loses the triggers: it has to call `make` again.
"""

from __future__ import annotations

from collections.abc import Iterator

_KEYS = ("brand_id", "opened_at", "platform", "followers", "kind", "first_reply_at", "resolved_at", "due_at", "outcome")
_NAMES = ("insert", "delete", "update")


def make(dialect: str) -> Iterator[str]:
    """The statements that make the triggers, and note the days of the cases that are there already."""
    note = "INSERT INTO care_changes (brand_id, day)"
    yield f"{note} SELECT DISTINCT brand_id, {_day(dialect, 'cases')} FROM cases"  # noqa: S608 - our own names
    new, old = (f"SELECT {row}.brand_id, {_day(dialect, row)}" for row in ("new", "old"))
    bodies = {"insert": f"{note} {new}", "delete": f"{note} {old}", "update": f"{note} {old} UNION {new}"}
    differs = "IS NOT" if dialect == "sqlite" else "IS DISTINCT FROM"
    changed = [f"old.{name} {differs} new.{name}" for name in _KEYS]
    changed.append("(old.state = 'dismissed') <> (new.state = 'dismissed')")
    columns = ", ".join((*_KEYS, "state"))
    for name, body in bodies.items():
        event = f"UPDATE OF {columns}" if name == "update" else name.upper()
        when = f"WHEN ({' OR '.join(changed)})" if name == "update" else ""
        after = f"CREATE TRIGGER cases_care_{name} AFTER {event} ON cases FOR EACH ROW {when}"
        if dialect == "sqlite":
            yield f"{after} BEGIN {body}; END"
        else:
            yield (
                f"CREATE FUNCTION cases_care_{name}() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN {body}; RETURN NULL; END $$"
            )
            yield f"{after} EXECUTE FUNCTION cases_care_{name}()"


def unmake(dialect: str) -> Iterator[str]:
    """The statements that take the triggers away."""
    for name in _NAMES:
        if dialect == "sqlite":
            yield f"DROP TRIGGER cases_care_{name}"
        else:
            yield f"DROP TRIGGER cases_care_{name} ON cases"
            yield f"DROP FUNCTION cases_care_{name}()"


def _day(dialect: str, row: str) -> str:
    """The UTC day on which a case was opened."""
    return f"substr({row}.opened_at, 1, 10)" if dialect == "sqlite" else f"({row}.opened_at AT TIME ZONE 'UTC')::date"
