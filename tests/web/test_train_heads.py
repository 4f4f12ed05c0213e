"""`ripplewatch train --heads`: what it needs, what it says, and the way back."""

from __future__ import annotations

import json

from core import runtime, settings
from sentiment import glossary
from tests.sentiment.wars import OTHERS, WARS, add_brand, hear
from tests.web.ripplewatch import ripplewatch


def test_a_brand_is_taught_and_taken_back() -> None:
    ready = runtime.build(settings.load())
    brand_id = add_brand(ready)
    hear(ready, brand_id, WARS[:9], {"sentiment": "neutral"})
    hear(ready, brand_id, OTHERS)
    few = ripplewatch("train", "--heads", "--brand", "acme")
    assert few.code == 1
    assert "of no head there are 10 corrections to learn from yet (at most 9)" in few.err
    hear(ready, brand_id, WARS[10::4], {"sentiment": "neutral"})
    ready.db.close()
    made = ripplewatch("train", "--heads", "--brand", "acme")
    figures = json.loads(made.out)
    assert (made.code, figures["swapped"]) == (0, True)
    post = json.dumps({"id": "1", "text": WARS[10]})
    plain, taught = (ripplewatch("classify", *of, stdin=post).lines[0] for of in ((), ("--brand", "acme")))
    assert taught["model"] == f"{plain['model']}+acme.1"
    assert taught["sentiment"]["scores"]["neutral"] > plain["sentiment"]["scores"]["neutral"]
    back = ripplewatch("train", "--heads", "--brand", "acme", "--rollback")
    assert json.loads(back.out) == {"brand": "acme", "was": figures["in_use"], "in_use": figures["was"]}
    none = ripplewatch("train", "--rollback", "--brand", "acme")
    assert none.code == 1
    assert "nothing to go back to" in none.err


def test_texts_are_read_by_the_rules_of_a_brand() -> None:
    ready = runtime.build(settings.load())
    brand_id = add_brand(ready)
    with ready.db.write() as db:
        glossary.add(db, ready.clock, brand_id, glossary.checked("War Zone", "sentiment", "positive"), "Ana")
    ready.db.close()
    post = json.dumps({"id": "1", "text": "War Zone is the worst, I hate it"})
    of = ("classify", "--model", "lexicon")
    plain, ruled = (ripplewatch(*of, *brand, stdin=post).lines[0] for brand in ((), ("--brand", "acme")))
    assert (plain["sentiment"]["label"], ruled["sentiment"]["label"]) == ("negative", "positive")


def test_what_is_missing_is_said() -> None:
    assert "--heads needs --brand" in ripplewatch("train", "--heads").err
    assert "Missing option '--data'" in ripplewatch("train").err
    for command in (("train", "--heads"), ("classify", "--model", "lexicon")):
        unknown = ripplewatch(*command, "--brand", "nobody")
        assert unknown.code == 1
        assert "no brand 'nobody'" in unknown.err
