"""Why a mention was judged as it was: what came with the verdict, and which words the model went by.

The words are asked of the model when somebody first looks, and kept with the verdict: the second look costs nothing.
"""

from __future__ import annotations

from sqlalchemy import update

from core.errors import RipplewatchError
from core.runtime import Runtime
from core.tables import Mention, Verdict
from sentiment import judge
from sentiment.brand_models import as_taught
from sentiment.corrections import of_models
from sentiment.explain import explain
from web.queries.case import Whole


def of(runtime: Runtime, found: Whole) -> tuple[str, ...]:
    """Sentences about the model's verdict: rules of the brand first, then single words, the weightiest first."""
    mention = found.case.mention
    with runtime.db.read() as db:
        verdict = of_models(db, [mention.id]).get(mention.id)
    if verdict is None or mention.deleted_at is not None:
        return ()
    words = tuple(verdict.words) if verdict.words is not None else _asked(runtime, verdict, mention)
    return (*verdict.reasons, *words)


def _asked(runtime: Runtime, verdict: Verdict, mention: Mention) -> tuple[str, ...]:
    """What the model says of single words, kept if it is the model that judged."""
    try:
        model = judge.loaded(runtime.settings)
        with runtime.db.read() as db:
            model = as_taught(db, model, judge.brands_of(db, [mention.id]).get(mention.id))
    except RipplewatchError as error:
        return (f"The model cannot be asked: {error}",)
    if model.name != verdict.model:
        return (f"{verdict.model} judged this; it is not the model in use any more, so it cannot be asked.",)
    told = explain(model, mention.text, mention.lang)
    with runtime.db.write() as db:
        now = db.get(Mention, mention.id, with_for_update={"read": True, "key_share": True})
        if now is not None and now.deleted_at is None and now.text == mention.text:  # forgotten words stay forgotten
            db.execute(update(Verdict).where(Verdict.id == verdict.id).values(words=list(told)))
    return told
