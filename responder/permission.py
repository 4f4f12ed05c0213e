"""May a mention be answered here, how, and why not: decided before anything is drafted, and shown to the person.

What a platform allows stands in its source's file (`Source.reply`). Replies go out by API where that file also has a
replier; everywhere else a person copies the text, opens the post and marks the case as answered.
"""

from __future__ import annotations

import functools

from core.errors import BadInput
from core.types import Permission
from listener.source import load, load_replier


@functools.cache
def permission_for(source_kind: str | None, platform: str) -> Permission:
    """Whether and how a mention on `platform` that a source of `source_kind` heard may be answered, and why.

    `source_kind` None: its source was removed since.
    """
    if source_kind is None:
        return Permission("hand", f"the source that heard this was removed: answer on {platform} yourself")
    try:
        source, replier = load(source_kind), load_replier(source_kind)
    except BadInput:
        return Permission("hand", f"this version has no source of kind {source_kind}: answer on {platform} yourself")
    if source.reply.how == "api" and replier is None:
        return Permission("hand", f"replies to {source.title} cannot be sent from here: answer on {platform} yourself")
    return source.reply
