"""May we answer here: for every kind of source there is an answer in words, before anything is drafted."""

from __future__ import annotations

import pytest

from listener.source import kinds, load, load_replier
from responder.permission import permission_for


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_of_source_says_how_and_why(kind: str) -> None:
    found = permission_for(kind, "somewhere")
    assert found.why
    if found.how == "api":
        assert load_replier(kind) is not None
    if load(kind).reply.how != "api":
        assert found == load(kind).reply


def test_imports_are_answered_through_the_outbox() -> None:
    assert permission_for("files", "x").how == "api"


@pytest.mark.parametrize("kind", ["hackernews", "feed"])
def test_where_there_is_no_way_in_a_person_answers_there(kind: str) -> None:
    assert permission_for(kind, kind).how == "hand"


def test_a_removed_source_leaves_answering_by_hand() -> None:
    found = permission_for(None, "bluesky")
    assert found.how == "hand"
    assert "removed" in found.why
    assert "bluesky" in found.why


def test_a_kind_that_this_version_does_not_know_leaves_answering_by_hand() -> None:
    assert permission_for("fax", "fax").how == "hand"
