"""The boolean query language: parse it, explain it, match it against posts, by the thousand.

The language is described for its users in docs/queries.md.
"""

from listener.query.broad import too_broad
from listener.query.explain import explain
from listener.query.leaves import MOST_WORDS, Lists, read_listed
from listener.query.lex import QuerySyntaxError
from listener.query.match import Matcher, Post, links_in, matches, post_of
from listener.query.parse import MAX_LENGTH, parse
from listener.query.tree import Query, terms

__all__ = [
    "MAX_LENGTH",
    "MOST_WORDS",
    "Lists",
    "Matcher",
    "Post",
    "Query",
    "QuerySyntaxError",
    "explain",
    "links_in",
    "matches",
    "parse",
    "post_of",
    "read_listed",
    "terms",
    "too_broad",
]
