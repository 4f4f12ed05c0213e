"""The page of an author: what they wrote and how it ended, of the brands that one may see, and never more."""

from __future__ import annotations

from sqlalchemy import select, update

from core.clock import HeldClock
from core.tables import Author, Case, CaseMention, Membership, Mention
from listener.forget import forget_author
from tests.web.stories import add_case, case_of
from tests.web.visitor import Visitor, words


def author_of(visitor: Visitor, case_id: int) -> int:
    """The author of a case, whom its row names as open_case does."""
    with visitor.runtime.db.write() as db:
        mention_id = case_of(visitor.runtime, case_id).mention_id
        author = db.scalars(select(Mention.author_id).where(Mention.id == mention_id)).one()
        db.execute(update(Case).where(Case.id == case_id).values(author_id=author))
        db.add(CaseMention(mention_id=mention_id, case_id=case_id, why="began", joined_at=visitor.runtime.clock.now()))
        return author


def test_what_they_wrote_and_how_it_ended(agent: Visitor, clock: HeldClock) -> None:
    one = add_case(
        agent.runtime,
        "my parcel is late",
        author={"name": "Orla", "handle": "orla", "followers": 4_100},
        kind="complaint",
        state="sent",
        outcome="better",
        outcome_at=clock.now(),
        reply={"sent_at": clock.now()},
    )
    author = author_of(agent, one)
    page = words(agent.get(f"/authors/{author}"))
    assert "Orla @orla · Bluesky · 4.1k followers · 1 complaint recovered" in page
    assert f"Case {one} Sent Complaint Hawkweed · 30 min ago · answered Sounded better afterwards" in page
    assert f"30 min ago · open · case {one}" in page
    assert f'href="/authors/{author}"' in agent.get(f"/cases/{one}").text


def test_the_same_name_elsewhere_is_somebody_else(agent: Visitor) -> None:
    one = add_case(agent.runtime, "late here", author={"handle": "orla", "name": "Orla"})
    add_case(agent.runtime, "late there", author={"handle": "orla", "name": "Orla", "platform": "mastodon"})
    page = words(agent.get(f"/authors/{author_of(agent, one)}"))
    assert "late here" in page
    assert "late there" not in page


def test_another_brands_dealings_are_not_shown(agent: Visitor) -> None:
    one = add_case(agent.runtime, "my parcel is late")
    author = author_of(agent, one)
    with agent.runtime.db.write() as db:
        db.add(Membership(user_id=agent.user_id, brand_id=case_of(agent.runtime, one).brand_id, role="none"))
    assert f"Case {one}" not in words(agent.get(f"/authors/{author}"))


def test_who_is_forgotten_has_no_page(agent: Visitor, clock: HeldClock) -> None:
    author = author_of(agent, add_case(agent.runtime, author={"handle": "orla"}))
    with agent.runtime.db.write() as db:
        forget_author(db, clock, "bluesky", "orla")
    assert agent.get(f"/authors/{author}").status_code == 404
    with agent.runtime.db.read() as db:
        assert db.get_one(Author, author).handle == ""
    assert agent.get("/authors/999").status_code == 404
