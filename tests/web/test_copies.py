"""The case page says that others posted nearly the same, and lists them."""

from __future__ import annotations

from core.tables import Copy
from tests.web.stories import add_case, case_of
from tests.web.visitor import Visitor, words


def test_a_case_leads_to_the_posts_like_it(agent: Visitor) -> None:
    cases = [add_case(agent.runtime, f"copied complaint, {number}") for number in range(3)]
    alone = add_case(agent.runtime, "nobody else says this")
    first, *others = [case_of(agent.runtime, case_id).mention_id for case_id in cases]
    with agent.runtime.db.write() as db:
        db.add_all(Copy(mention_id=other, first_id=first) for other in others)
    for case_id in cases:
        page = agent.get(f"/cases/{case_id}")
        assert "One of 3 nearly identical posts" in words(page)
        assert f'href="/cases/{case_id}/copies"' in page.text
        listed = agent.get(f"/cases/{case_id}/copies")
        assert "3 nearly identical posts" in words(listed)
        assert all(f"copied complaint, {number}" in words(listed) for number in range(3))
    assert "nearly identical" not in words(agent.get(f"/cases/{alone}"))
    assert "1 nearly identical post" in words(agent.get(f"/cases/{alone}/copies"))
