"""The boolean query language: parse it, explain it, match it against posts, by the thousand.

The language is described for its users in docs/queries.md.
"""

from listener.query.explain import explain
from listener.query.lex import QuerySyntaxError
from listener.query.match import Matcher, Post, matches, post_of
from listener.query.parse import MAX_LENGTH, parse
from listener.query.tree import Query, terms

__all__ = [
    "MAX_LENGTH",
    "Matcher",
    "Post",
    "Query",
    "QuerySyntaxError",
    "explain",
    "matches",
    "parse",
    "post_of",
    "terms",
]
