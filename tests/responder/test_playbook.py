"""Playbook entries: placeholders are filled once, unknown ones refused, and nobody can inject one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from core.errors import BadInput
from core.runtime import Runtime
from core.tables import Brand, PlaybookEntry
from responder.drafts.playbook import fill, placeholders, restore, save, unknown, versions


def test_what_is_known_is_filled_in_and_the_rest_named_once() -> None:
    text, unresolved = fill("{name}, {Brand} is sorry. { link } {link} {agent}", {"name": "Ann", "brand": "Hawkweed"})
    assert text == "Ann, Hawkweed is sorry. {link} {link} {agent}"
    assert unresolved == ("link", "agent")


def test_an_empty_value_fills_nothing() -> None:
    assert fill("Hello {name}", {"name": ""}) == ("Hello {name}", ("name",))


@given(st.text(alphabet="{}namelik \\gd1"))
def test_a_value_never_becomes_a_placeholder(value: str) -> None:
    text, unresolved = fill("a {name} b", {"name": value, "link": "https://bad.example"})
    assert text == (f"a {value} b" if value else "a {name} b")
    assert unresolved == (() if value else ("name",))


def test_placeholders_are_words_in_braces() -> None:
    assert placeholders("{name} {} {1} {a b} {order_id} {ñame}") == ("name", "order_id", "ñame")
    assert unknown("{name} {nmae} {agent} {foo}") == ("nmae", "foo")


def brand_of(runtime: Runtime) -> int:
    with runtime.db.write() as db:
        row = Brand(slug="hawkweed", name="Hawkweed", created_at=runtime.clock.now())
        db.add(row)
        db.flush()
        return row.id


def test_an_entry_is_saved_and_each_change_is_a_new_version(runtime: Runtime) -> None:
    brand_id = brand_of(runtime)
    with runtime.db.write() as db:
        entry = save(db, runtime.clock, brand_id, name=" Late ", text="Sorry, {name}\r\n", tags=["Late", " late", ""])
        assert (entry.name, entry.text, entry.tags, entry.version) == ("Late", "Sorry, {name}", ["late"], 1)
    with runtime.db.write() as db:
        save(db, runtime.clock, brand_id, name="Late", text="So sorry, {name}", language="DE", entry_id=entry.id)
    with runtime.db.read() as db:
        changed = db.scalars(select(PlaybookEntry)).one()
        assert (changed.text, changed.language, changed.version) == ("So sorry, {name}", "de", 2)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("", "x", "name: an entry needs a name"),
        ("a", " ", "text: an entry needs a text"),
        ("a", "Hi {nmae}, {name}", r"no placeholder is called \{nmae\}; there are: \{name\}"),
        ("Taken", "x", "already an entry called 'Taken'"),
    ],
)
def test_what_is_wrong_with_an_entry_is_named(runtime: Runtime, name: str, text: str, told: str) -> None:
    brand_id = brand_of(runtime)
    with runtime.db.write() as db:
        save(db, runtime.clock, brand_id, name="Taken", text="x")
    with pytest.raises(BadInput, match=told), runtime.db.write() as db:
        save(db, runtime.clock, brand_id, name=name, text=text)


def test_another_brands_entry_cannot_be_changed(runtime: Runtime) -> None:
    brand_id = brand_of(runtime)
    with runtime.db.write() as db:
        entry = save(db, runtime.clock, brand_id, name="Late", text="x")
    with pytest.raises(BadInput, match="no longer in the playbook"), runtime.db.write() as db:
        save(db, runtime.clock, brand_id + 1, name="Late", text="y", entry_id=entry.id)


def test_every_version_is_kept_with_who_made_it_and_comes_back(runtime: Runtime) -> None:
    brand_id, clock = brand_of(runtime), runtime.clock
    until = clock.now() + timedelta(days=1)
    with runtime.db.write() as db:
        entry = save(db, clock, brand_id, name="Late", text="one", tags=["late"], expires_at=until, changed_by="Ana")
        save(db, clock, brand_id, name="Later", text="two", tags=["late"], expires_at=until, entry_id=entry.id)
        restore(db, clock, brand_id, entry.id, 1, changed_by="Bo")
    with runtime.db.read() as db:
        kept = [(one.version, one.name, one.text, one.changed_by) for one in versions(db, entry.id)]
        assert kept == [(3, "Late", "one", "Bo"), (2, "Later", "two", ""), (1, "Late", "one", "Ana")]
        now = db.get_one(PlaybookEntry, entry.id)
        assert (now.text, now.version, now.tags, now.expires_at) == ("one", 3, ["late"], until)


def test_an_entry_from_before_versions_were_kept_can_be_had_back(runtime: Runtime) -> None:
    brand_id, now = brand_of(runtime), runtime.clock.now()
    with runtime.db.write() as db:
        entry = PlaybookEntry(brand_id=brand_id, name="Old", text="as it was", version=4, changed_at=now)
        db.add(entry)
        db.flush()
        save(db, runtime.clock, brand_id, name="Old", text="new", entry_id=entry.id)
    with runtime.db.read() as db:
        assert [(one.version, one.text) for one in versions(db, entry.id)] == [(5, "new"), (4, "as it was")]


def test_a_version_that_is_not_there_cannot_come_back(runtime: Runtime) -> None:
    brand_id = brand_of(runtime)
    with runtime.db.write() as db:
        entry = save(db, runtime.clock, brand_id, name="Late", text="x")
    with pytest.raises(BadInput, match="version 7 of this entry is not kept"), runtime.db.write() as db:
        restore(db, runtime.clock, brand_id, entry.id, 7)
