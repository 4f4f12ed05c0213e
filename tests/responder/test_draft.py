"""Suggestions: fitting entries of the playbook and replies to like posts, in the author's language, or none at all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from core.types import UNSUPPORTED, Author, Draft
from responder.drafts.draft import Answers, Entry, Occasion, OwnDrafter, addressed
from responder.drafts.likeness import Floats
from responder.drafts.nearest import NEW_AT_ONCE
from responder.drafts.past import PastReply
from responder.drafts.playbook import placeholders

LATE = Entry(
    1,
    1,
    "Late parcel",
    "{name}, sorry that your parcel is late. {agent}",
    "An order is late",
    ("delivery",),
    "en",
    None,
)
APP = Entry(2, 1, "App crash", "{name}, sorry that the app crashes.", "The app crashes or logs out", (), "en", None)
THANKS = Entry(3, 1, "Thank you", "Thank you, {name}!", "Praise for a parcel or an app", ("praise",), "en", None)
SPAET = Entry(4, 1, "Paket verspätet", "{name}, das Paket kommt zu spät, das tut uns leid.", "Late", (), "de", None)
ON_X = Entry(5, 1, "Late parcel on X", "{name}, your parcel is late, sorry. Message us.", "Late", (), "en", "x")
ANY = Entry(6, 1, "Anything else", "{name}, sorry. Tell us more?", "", ("general", "complaint"), "en", None)
PLAYBOOK = (LATE, APP, THANKS, SPAET, ON_X, ANY)

COMPLAINT = Occasion(
    text="my parcel is late again, where is my order",
    platform="bluesky",
    language="en",
    sentiment="negative",
    complaint=True,
    question=False,
    author=Author("1", "ann.example", "Ann"),
    brand="Hawkweed",
)


def suggested(occasion: Occasion, *playbook: Entry) -> list[str]:
    found = drafts(occasion, *(playbook or PLAYBOOK))
    return [one.why.partition("“")[2].partition("”")[0] for one in found]


def drafts(occasion: Occasion, *playbook: Entry, past: Sequence[PastReply] = ()) -> tuple[Draft, ...]:
    (found,) = OwnDrafter().draft([occasion], Answers(1, playbook, past))
    return found


def test_the_entry_about_the_same_is_suggested_with_where_it_came_from() -> None:
    found = drafts(COMPLAINT, LATE, APP)
    assert [draft.text for draft in found] == ["Ann, sorry that your parcel is late. {agent}"]
    draft = found[0]
    assert draft.why == "from the playbook: “Late parcel”; in English"
    assert (draft.origin, draft.playbook_id, draft.unresolved) == ("playbook", 1, ("agent",))
    assert draft.score is not None


def test_beside_the_only_one_that_fits_stands_a_second_choice_that_says_it_is_less_close() -> None:
    both = replace(COMPLAINT, text="my parcel is late and where is my order, and it crashes")
    found = [draft.why for draft in drafts(both, LATE, APP)]
    assert found == [
        "from the playbook: “Late parcel”; in English",
        "from the playbook: “App crash”, less close; in English",
    ]
    other = replace(COMPLAINT, text="an order parcel is late late; the app")
    assert suggested(other, LATE, APP) == ["Late parcel"]


def test_an_entry_for_another_platform_is_not_suggested() -> None:
    assert suggested(COMPLAINT, ON_X) == []
    assert suggested(replace(COMPLAINT, platform="x"), ON_X) == ["Late parcel on X"]


def test_nothing_is_suggested_where_nothing_fits() -> None:
    odd = replace(COMPLAINT, text="win a free iphone now, click here, crypto giveaway")
    assert suggested(odd, LATE, APP) == []


def test_a_general_entry_stands_in_where_nothing_fits_but_only_for_its_kind() -> None:
    odd = replace(COMPLAINT, text="quite the week with you people")
    assert suggested(odd) == ["Anything else"]
    assert suggested(replace(odd, complaint=False, sentiment="neutral")) == []


def test_praise_is_never_answered_with_thanks_for_a_complaint() -> None:
    praise = replace(COMPLAINT, text="thank you for the parcel and the app", complaint=False, sentiment="positive")
    assert suggested(praise, THANKS) == ["Thank you"]
    assert suggested(replace(praise, complaint=True, sentiment="negative"), THANKS) == []


def test_the_authors_language_comes_before_english() -> None:
    german = replace(
        COMPLAINT, text="mein Paket kommt schon wieder zu spät", language="de", sentiment=UNSUPPORTED, complaint=None
    )
    found = drafts(german, *PLAYBOOK)
    assert [draft.why for draft in found] == ["from the playbook: “Paket verspätet”; in German"]


def test_english_offered_to_another_language_says_so() -> None:
    danish = replace(COMPLAINT, text="my parcel late, hvor er min order", language="da-DK")
    found = drafts(danish, LATE, SPAET)
    assert [draft.why for draft in found] == [
        "from the playbook: “Late parcel”; in English, but the author writes Danish"
    ]


def test_a_text_whose_language_nobody_can_tell_is_answered_in_english() -> None:
    assert suggested(replace(COMPLAINT, language="und"), LATE, SPAET) == ["Late parcel"]


def test_no_playbook_no_suggestion() -> None:
    assert OwnDrafter().draft([COMPLAINT, COMPLAINT], Answers(1)) == [(), ()]


class Meaning:
    """An embedding that knows two matters, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, texts: Sequence[str]) -> Floats:
        self.asked += texts
        rows = [[1.0, 0.0] if "parcel" in text.lower() or "stuff" in text else [0.0, 1.0] for text in texts]
        return np.array(rows, dtype=np.float32)


def test_meaning_finds_what_shares_no_word() -> None:
    meant = replace(COMPLAINT, text="still no stuff")
    assert drafts(meant, LATE, APP) == ()
    (found,) = OwnDrafter(Meaning()).draft([meant], Answers(1, (LATE, APP)))
    assert [draft.playbook_id for draft in found] == [1]


def test_the_playbook_is_embedded_once_per_version() -> None:
    meaning = Meaning()
    drafter = OwnDrafter(meaning)
    for _ in range(3):
        drafter.draft([COMPLAINT], Answers(1, (LATE, APP)))
    assert len(meaning.asked) == 2 + 3
    drafter.draft([COMPLAINT], Answers(1, (LATE, replace(APP, version=2))))
    assert len(meaning.asked) == 2 + 3 + 3


SENT = PastReply(
    7, "my parcel is late, where is the order", "{name}, the depot is shut. We look for it. {agent}",
    "en", "negative", True, "Ana", "3 May 2026",
)  # fmt: skip


def test_a_reply_to_a_like_post_is_suggested_with_who_sent_it_and_when() -> None:
    (found,) = drafts(COMPLAINT, past=[SENT])
    assert found.text == "Ann, the depot is shut. We look for it. {agent}"
    assert (found.origin, found.reply_id, found.playbook_id) == ("past", 7, None)
    assert found.why == "like a reply Ana sent on 3 May 2026 to a similar post"
    assert found.unresolved == ("agent",)


@pytest.mark.parametrize(
    "past",
    [
        replace(SENT, asked="the app logs me out all day"),
        replace(SENT, language="de"),
        replace(SENT, sentiment="positive", complaint=False),
    ],
)
def test_an_unlike_post_another_language_or_praise_brings_no_past_reply(past: PastReply) -> None:
    assert drafts(COMPLAINT, past=[past]) == ()


def test_the_playbook_comes_first_and_past_replies_have_room_beside_it() -> None:
    entries = [
        replace(LATE, id=n, name=f"Late {n}", text=f"{word} your parcel. {word}") for n, word in enumerate("abcd")
    ]
    past = [replace(SENT, id=n, text=f"{word * 2} {word} {word * 3}") for n, word in enumerate("xyz", 20)]
    assert [one.origin for one in drafts(COMPLAINT, *entries)] == ["playbook"] * 3
    assert [one.origin for one in drafts(COMPLAINT, *entries, past=past)] == ["playbook", "playbook", "past"]
    assert [one.origin for one in drafts(COMPLAINT, ANY, past=past)] == ["past", "past"]


def test_what_says_much_the_same_is_suggested_once() -> None:
    again = replace(SENT, text="{name}, so sorry that your parcel is late. {agent}")
    assert [one.origin for one in drafts(COMPLAINT, LATE, past=[again, replace(SENT, id=8)])] == ["playbook", "past"]
    assert len(drafts(COMPLAINT, past=[SENT, replace(SENT, id=8)])) == 1


def test_what_is_too_long_once_filled_in_is_not_suggested() -> None:
    long = replace(LATE, text="{name}, " + "x" * 293)
    assert suggested(COMPLAINT, long) == ["Late parcel"] * (len("Ann, ") + 293 <= 300)
    longer_name = replace(COMPLAINT, author=Author("1", "ann.example", "Annabella Lee"))
    assert suggested(longer_name, long) == []
    assert suggested(replace(longer_name, longest=500), long) == ["Late parcel"]
    assert drafts(replace(longer_name, longest=20), past=[SENT]) == ()


def test_past_posts_are_embedded_once_and_no_more_than_some_at_a_time() -> None:
    meaning, past = Meaning(), [replace(SENT, id=n) for n in range(NEW_AT_ONCE + 10)]
    drafter = OwnDrafter(meaning)
    for embedded in (NEW_AT_ONCE + 1, 10 + 1, 1):
        meaning.asked.clear()
        drafter.draft([COMPLAINT], Answers(1, (), past))
        assert len(meaning.asked) == embedded


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("Ann", "Ann"),
        ("Ann-Marie O’Neil, Jr.", "Ann-Marie O’Neil, Jr"),
        ("  Ann \n Lee ", "Ann Lee"),
        ("🌸 Ann 🌸 (she/her)", "Ann"),
        ("Ann Lee | views my own", "Ann Lee"),
        ("Ann - on holiday", "Ann"),
        ("Žofie Nováková", "Žofie Nováková"),
        ("田中さん", "田中さん"),
        ("", "ann.example"),
        ("12345", "ann.example"),
        ("🌸🌸", "ann.example"),
        ("{link}", "ann.example"),
        ("<b>Ann</b>", "ann.example"),
        ("www.cheap-pills.example", "ann.example"),
        ("Ann shop.example.com", "ann.example"),
        ("@everyone", "ann.example"),
        ("*bold* _name_ [x](y)", "bold name"),
        ("A\u202enna\u200b", "Anna"),
        ("Ann films from the edge of the world", "ann.example"),
        ("Ann " + "very " * 100 + "long", "ann.example"),
        ("W" * 300, "ann.example"),
    ],
)
def test_the_name_is_only_ever_a_name(name: str, called: str) -> None:
    assert addressed(Author("1", "@ann.example", name)) == called
    assert placeholders(addressed(Author("1", "{link}", name))) == ()
