"""Like complaints become one incident as they arrive: soon, once, and only where they are more than usual."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from itertools import zip_longest

import pytest
from sqlalchemy import event, func, select, update

from core import waiting
from core.errors import ItemsSetAside
from core.runtime import Runtime
from core.tables import Embedding, Incident, IncidentMention, Mention, OwnAccount, SetAside
from listener.forget import forget_mentions
from sentiment import corrections
from sentiment.onnx import OnnxClassifier
from sentiment.ripple import cluster, membership
from sentiment.ripple.cluster import cluster_batch
from sentiment.ripple.likeness import Floats
from sentiment.ripple.recall import SharedWords, Vectors, vectors_of
from tests.sentiment.ripple.waves import (
    CARD,
    OTHERS,
    PARCEL,
    add_brand,
    alerts,
    belonging,
    complain,
    incidents,
)

BURNT = (
    "the charger got so hot that it burnt my table",
    "my phone charger melted last night, this is a fire hazard",
    "charger smells burnt and there is smoke coming from it",
    "your charger overheated and scorched the carpet",
    "is it normal that the charger gets too hot to touch? mine has burn marks",
    "had to throw the charger out, the plug melted in the socket",
)
SIGNED_OUT = (
    "I cannot log in to my account since this morning",
    "the app signs me out and says my password is wrong",
    "login broken again? it does not accept my password",
    "locked out of my account for no reason",
    "every time I sign in it throws me back to the login page",
    "password reset mail never arrives, so no way into my account",
)
HOUR = timedelta(hours=1)
DAY = 24 * HOUR


def cluster_all(
    runtime: Runtime,
    ids: Sequence[int],
    limit: int = 200,
    vectors: Vectors = SharedWords(),  # noqa: B008 - a value
) -> None:
    """Let these mentions be looked at, as when they were judged."""
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids)
    while cluster_batch(runtime, vectors, limit):
        pass


def arrive(runtime: Runtime, brand_id: int, texts: Sequence[str], **more: object) -> list[int]:
    ids = complain(runtime, brand_id, texts, **more)  # type: ignore[arg-type]
    cluster_all(runtime, ids)
    return ids


def add_past(runtime: Runtime, brand_id: int) -> None:
    """Four days on which people complained of this and that."""
    for _ in range(4):
        arrive(runtime, brand_id, OTHERS, apart=4 * HOUR)
        runtime.clock.wait(threading.Event(), 24 * 3600)


def test_a_wave_becomes_one_incident_and_later_complaints_join_it(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids: list[int] = []
    for text, other in zip_longest(CARD * 2, OTHERS):
        ids += arrive(runtime, brand_id, [text])
        arrive(runtime, brand_id, [other] if other else [])
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: set(ids)}
    assert (one.state, one.origin, one.mentions, one.name) == ("open", "likeness", 16, "Checkout: card payment")
    assert len(alerts(runtime)) == 1
    assert one.could_at == runtime.clock.now()


def test_it_opens_with_the_fourth_author_and_knows_when_it_could_have(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    arrive(runtime, brand_id, CARD[:3])
    assert not incidents(runtime)
    arrive(runtime, brand_id, [*CARD] * 2, by="person-1")
    assert not incidents(runtime), "one author writing often is no incident"
    runtime.clock.wait(threading.Event(), 600)
    at = runtime.clock.now() - timedelta(minutes=1)  # heard late
    arrive(runtime, brand_id, CARD[3:4], at=at)
    (one,) = incidents(runtime)
    assert (one.could_at, one.noticed_at, one.authors) == (at, runtime.clock.now(), 4)


def test_what_a_brand_gets_every_day_is_no_incident_and_much_more_of_it_is(sqlite_runtime: Runtime) -> None:
    runtime, brand_id = sqlite_runtime, add_brand(sqlite_runtime)
    day = [text for three in zip(PARCEL, OTHERS, CARD, strict=False) for text in three]
    for _ in range(6):
        runtime.clock.wait(threading.Event(), 24 * 3600)
        arrive(runtime, brand_id, day, at=runtime.clock.now() - DAY, apart=1.3 * HOUR)
    assert not incidents(runtime)
    arrive(runtime, brand_id, PARCEL * 3, apart=timedelta(minutes=1))
    (one,) = incidents(runtime)
    assert "parcel" in one.words


def test_a_slow_ramp_on_a_small_brand_is_found(sqlite_runtime: Runtime) -> None:
    runtime, brand_id = sqlite_runtime, add_brand(sqlite_runtime)
    add_past(runtime, brand_id)
    for text in CARD:
        arrive(runtime, brand_id, [text])
        runtime.clock.wait(threading.Event(), 5 * 3600)
    (one,) = incidents(runtime)
    assert one.mentions == len(CARD)


def test_two_waves_at_once_are_two_incidents(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    add_past(runtime, brand_id)
    ids = [arrive(runtime, brand_id, pair) for pair in zip(CARD, PARCEL, strict=False)]
    assert sorted(belonging(runtime).values(), key=min) == [{one for one, _ in ids}, {other for _, other in ids}]


def test_the_bundled_model_tells_waves_apart_that_share_few_words(
    sqlite_runtime: Runtime, bundled: OnnxClassifier
) -> None:
    runtime, brand_id, vectors = sqlite_runtime, add_brand(sqlite_runtime), vectors_of(bundled)
    assert vectors.name == bundled.name
    for _ in range(3):
        cluster_all(runtime, complain(runtime, brand_id, OTHERS, apart=4 * HOUR), vectors=vectors)
        runtime.clock.wait(threading.Event(), 24 * 3600)
    assert not incidents(runtime)
    ids: list[list[int]] = [[], []]
    for texts in zip(BURNT, SIGNED_OUT, strict=True):
        for wave, text in enumerate(texts):
            ids[wave] += complain(runtime, brand_id, [text])
            cluster_all(runtime, ids[wave][-1:], vectors=vectors)
    assert sorted(belonging(runtime).values(), key=min) == [set(ids[0]), set(ids[1])]


def test_no_incident_of_competitors_own_posts_old_or_deleted_mentions_or_what_is_unsure(runtime: Runtime) -> None:
    rival, brand_id = add_brand(runtime, "rival", competitor=True), add_brand(runtime)
    with runtime.db.write() as db:
        db.add(OwnAccount(brand_id=brand_id, platform="files", handle="shop"))
    arrive(runtime, rival, CARD)
    arrive(runtime, brand_id, CARD[:3])
    arrive(runtime, brand_id, CARD, by="shop")
    arrive(runtime, brand_id, CARD, complaint=None)
    arrive(runtime, brand_id, CARD, at=runtime.clock.now() - 8 * DAY, apart=timedelta())
    arrive(runtime, brand_id, CARD, deleted_at=runtime.clock.now())
    assert not incidents(runtime)


def test_a_wave_of_last_week_that_is_imported_is_an_incident_of_which_nobody_is_alerted(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, [*CARD, *CARD], at=runtime.clock.now() - 5 * DAY)
    cluster_all(runtime, ids, limit=5)
    (one,) = incidents(runtime)
    assert (one.mentions, one.state) == (16, "open")
    assert alerts(runtime) == []
    arrive(runtime, brand_id, CARD[:1], at=runtime.clock.now())
    assert len(incidents(runtime)) == 1


def test_the_same_mention_twice_counts_once(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD)
    cluster_all(runtime, ids)
    cluster_all(runtime, ids, limit=1)
    (one,) = incidents(runtime)
    assert one.mentions == len(CARD)
    assert len(alerts(runtime)) == 1


def test_what_is_no_complaint_after_all_leaves_unless_a_person_put_it_there(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD)
    with runtime.db.write() as db:
        kept = update(IncidentMention).where(IncidentMention.mention_id == ids[0]).values(by_hand=True)
        db.execute(kept)
        for mention_id in ids[:2]:
            corrections.correct(db, runtime.clock, mention_id, "complaint", "no", user_id=None, user_name="Ana")
    cluster_all(runtime, [])
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: {ids[0], *ids[2:]}}
    assert one.mentions == len(CARD) - 1


def test_what_a_person_took_out_or_dismissed_comes_back_in_silence_or_not_at_all(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD)
    with runtime.db.write() as db:
        (incident,) = db.scalars(select(Incident))
        membership.leave(db, runtime.clock, brand_id, ids[:1], by_hand=True)
        membership.recount(db, runtime.clock, incident)
        incident.state, incident.ended_at = "dismissed", runtime.clock.now()
    words = alerts(runtime)[0].words
    cluster_all(runtime, ids)
    more = arrive(runtime, brand_id, CARD * 2)
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: {*ids[1:], *more}}
    assert alerts(runtime)[0].words == words
    runtime.clock.wait(threading.Event(), 49 * 3600)
    arrive(runtime, brand_id, CARD * 2)
    assert [one.state for one in incidents(runtime)] == ["dismissed", "open"]


def test_forgotten_texts_are_not_remembered_and_counts_stay(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, CARD)
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids[:2])
        forget_mentions(db, runtime.clock, ids)
    with runtime.db.read() as db:
        assert waiting.count(db, "cluster") == 0
        assert db.scalar(select(func.count()).select_from(Embedding)) == 0
    cluster_all(runtime, ids)
    assert incidents(runtime)[0].mentions == len(CARD)
    arrive(runtime, brand_id, OTHERS)
    with runtime.db.read() as db:
        assert db.scalar(select(func.count()).select_from(Embedding)) == len(OTHERS)


class Poisoned(SharedWords):
    """Cannot read one text."""

    def embed(self, texts: Sequence[str]) -> Floats:
        if any("poison" in text for text in texts):
            raise ValueError("cannot read this")
        return super().embed(texts)


def test_one_that_cannot_be_read_is_set_aside_and_its_neighbours_are_looked_at(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, [*CARD, "poison"])
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids)
    with pytest.raises(ItemsSetAside):
        cluster_batch(runtime, Poisoned())
    with runtime.db.read() as db:
        assert db.scalars(select(SetAside.subject_id)).all() == ids[-1:]
        assert waiting.count(db, "cluster") == 0
    assert belonging(runtime) == {incidents(runtime)[0].id: set(ids[:-1])}


class Dying(Exception):
    """What ends a process at a bad moment."""


def test_a_crash_at_any_statement_leaves_nothing_half_done(runtime: Runtime) -> None:
    """The batch is begun again and again, each time one statement further: in the end all is as if none had died."""
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, [*CARD, *OTHERS])
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids)
    deaths = 0
    while True:
        left = [deaths]

        def die(*_: object, left: list[int] = left) -> None:
            left[0] -= 1
            if left[0] < 0:
                raise Dying

        event.listen(runtime.db.engine, "before_cursor_execute", die)
        try:
            cluster_batch(runtime, SharedWords())
        except Dying:
            deaths += 1
        else:
            break
        finally:
            event.remove(runtime.db.engine, "before_cursor_execute", die)
        assert not incidents(runtime), "nothing of a batch that died is there"
        assert not alerts(runtime)
    assert deaths > 20
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: set(ids[: len(CARD)])}
    assert len(alerts(runtime)) == 1


def test_two_workers_at_once_make_one_incident_of_one_wave(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = complain(runtime, brand_id, CARD * 3)
    with runtime.db.write() as db:
        waiting.add(db, runtime.clock, "cluster", ids)
    start = threading.Barrier(2)

    def some() -> None:
        start.wait(10)
        while cluster_batch(runtime, SharedWords(), limit=4):
            pass

    threads = [threading.Thread(target=some) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    cluster_all(runtime, [])
    (one,) = incidents(runtime)
    assert belonging(runtime) == {one.id: set(ids)}
    assert (one.mentions, len(alerts(runtime))) == (len(ids), 1)


def test_an_idle_stage_loads_no_model(sqlite_runtime: Runtime) -> None:
    assert cluster.work(sqlite_runtime) == 0


def test_an_edited_text_is_remembered_as_it_is_now(runtime: Runtime) -> None:
    brand_id = add_brand(runtime)
    ids = arrive(runtime, brand_id, OTHERS)
    with runtime.db.write() as db:
        db.execute(update(Mention).where(Mention.id.in_(ids[:4])).values(text=CARD[0]))
    cluster_all(runtime, ids[:4])
    more = arrive(runtime, brand_id, CARD)
    assert belonging(runtime) == {incidents(runtime)[0].id: {*ids[:4], *more}}
