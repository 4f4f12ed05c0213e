"""Writes MODEL_CARD.md: what a model is, what it was made from and on whose terms, and what was measured of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

_SOURCES = """\
| part | where from | terms |
|---|---|---|
| encoder | sentence-transformers/all-MiniLM-L6-v2 | Apache-2.0 |
| sentiment, to train on | SemEval-2013 to 2016 task 4A, as downloaded in cbaziotis/datastories-semeval2017-task4 | \
code MIT; the texts are public posts under X's (then Twitter's) terms |
| sentiment, to tune on | cardiffnlp/tweeteval, sentiment, validation part | "released without any restrictions", \
but each task's own and X's terms apply |"""

_COMPLAINTS = """
| complaints | danielpreotiuc/complaints-social-media (Preotiuc-Pietro, Gaman and Aletras, ACL 2019), four fifths | \
**no licence is stated**: research use. `--without complaints` makes the model anew without it |"""

_LIMITS = """\
* English only. Texts in other languages are recognised and left unjudged.
* Learned from posts of 2010 to 2017 on one platform: newer slang, long e-mails and reviews are less certain ground.
* Complaints were learned from posts to some ninety brands, mostly in customer care. A complaint about politics or
  the weather was rarely seen.
* Irony is not recognised as such: "great job, third outage this week" can pass for praise.
* It reads the first 128 word pieces of a text (some 90 words)."""

_SAME = """\
Every text goes through the graph by itself, so a verdict does not depend on what else is judged beside it, nor on
how many threads there are. Weights are int8 (7 bits of it, so that processors without VNNI do not overflow) with a
scale per column; activations are scaled by the largest value in the text."""


def write_card(
    folder: Path,
    figures: Mapping[str, object],
    recipe: Mapping[str, object],
    rows: Mapping[str, int],
    command: str,
) -> None:
    """Write the card beside the model. `figures` are what the exported model reaches on the tuning rows."""
    complaints = bool(rows["complaint rows trained on"])
    parts = [
        f"# {figures['model']}\n\nJudges the sentiment of short English posts"
        + (" and whether they are complaints." if complaints else ". Made without a complaint head."),
        f"Made by `{command}`.",
        "## Measured\n\nBy the exported int8 graph, on rows that were tuned on but not trained on:\n\n"
        + f"```json\n{json.dumps(figures, indent=2)}\n```",
        "`before_int8` is the network as trained, on the same rows. Sentiment is measured by macro-recall (SemEval's\n"
        "and TweetEval's measure), complaints by macro-F1: on all rows, and on those that speak to a brand, which are\n"
        "the hard ones. The training rows are not TweetEval's own file; compare with published figures accordingly.",
        "## Made from\n\n" + _SOURCES + (_COMPLAINTS if complaints else "") + "\n\n" + _table(rows),
        "The texts themselves are not part of this repository or of any release.",
        "## Recipe\n\nThe whole encoder above its word table is tuned together with both heads; classes are weighted\n"
        "to count the same; the mean embedding is held to what the untuned encoder says, so that it still finds like\n"
        "texts.\n\n" + _table(recipe),
        "## The same text, the same verdict\n\n" + _SAME,
        "## Where not to rely on it\n\n" + _LIMITS,
    ]
    (folder / "MODEL_CARD.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _table(values: Mapping[str, object]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items())])
