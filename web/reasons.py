"""Which words the model went by in judging a mention: asked of the model when somebody looks, then kept a while."""

from __future__ import annotations

import threading
from collections import OrderedDict
from datetime import datetime

from core.errors import RipplewatchError
from core.runtime import Runtime
from sentiment import judge
from sentiment.explain import explain
from web.queries.case import Whole

_KEPT = 500
_lock = threading.Lock()
_known: OrderedDict[tuple[int, datetime], tuple[str, ...]] = OrderedDict()


def of(runtime: Runtime, found: Whole) -> tuple[str, ...]:
    """Sentences about single words, the weightiest first; what the model said by itself where it has some."""
    verdict, mention = found.verdict, found.case.mention
    if verdict is None or mention.deleted_at is not None:
        return ()
    if verdict.reasons:
        return tuple(verdict.reasons)
    key = (verdict.id, verdict.judged_at)
    with _lock:
        if key in _known:
            _known.move_to_end(key)
            return _known[key]
        try:
            model = judge.loaded(runtime.settings)
        except RipplewatchError as error:
            return (f"The model cannot be asked: {error}",)
        if model.name != verdict.model:
            return (f"{verdict.model} judged this; it is not the model in use any more, so it cannot be asked.",)
        told = explain(model, mention.text, mention.lang)
        _known[key] = told
        if len(_known) > _KEPT:
            _known.popitem(last=False)
    return told
