"""Writes MODEL_CARD.md: what a model is, what it was made from and on whose terms, and what was measured of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, stdev

EMBEDDING = "embedding"
"""Beside the heads' measures: the mean cosine of the embedding to that of the untuned encoder."""

_SOURCES = {
    "encoder": "| encoder | sentence-transformers/all-MiniLM-L6-v2 | Apache-2.0 |",
    "sentiment": """\
| sentiment, to train on | SemEval-2013 to 2016 task 4A, as downloaded in cbaziotis/datastories-semeval2017-task4 | \
code MIT; the texts are public posts under X's (then Twitter's) terms |
| sentiment, emotion, irony, offensive | cardiffnlp/tweeteval: their train and validation parts (of sentiment only the \
latter) | "released without any restrictions", but each task's own and X's terms apply |""",
    "complaint": """\
| complaints | danielpreotiuc/complaints-social-media (Preotiuc-Pietro, Gaman and Aletras, ACL 2019), four fifths | \
**no licence is stated**: research use. `--without complaints` makes the model anew without it |""",
    "care": """\
| care talk, without labels | IBM/twitter-customer-care-document-prediction, development part: the customers' first \
posts | Apache-2.0; the texts are public posts under X's terms |""",
    "intent": """\
| intents | some 900 texts of the above, of the SemEval topics and of PolyAI's BANKING77 (CC BY 4.0), labelled by hand \
in two passes (`sentiment/train/intents.tsv` names them by id) | the labels are ours, Apache-2.0 |""",
    "own": """\
| our own examples | `sentiment/train/own.tsv` and `intents_own.tsv`: care talk in neutral words, sarcasm beside \
sincere thanks, negation, insults that need no answer | Apache-2.0 |""",
}

_MEASURES = """\
Sentiment is measured by macro-recall (SemEval's and TweetEval's measure), irony by F1 of the ironic texts, all else by
macro-F1; complaints on all rows, and on those that speak to a brand, which are the hard ones. `unsure` are the texts
that are left undecided. `calibration_error` is that of the table below, but on the very
rows that the temperatures were set on. There are few rows for emotion and intent: mind a point either way, and several
for those two. The sentiment rows to train on are not TweetEval's own file; compare with
published figures accordingly. No test part of any of these sets was used or looked at."""

_PROBES = """\
By a linear head on an encoder that stays as it is: complaints on the untuned one, intents on that of the first stage,
which has seen no intents. They are lower than what the tuned model reaches. The first shows what it costs that a kind
of brand is new (macro-F1, rows that speak to a brand); the second is fitted and scored in five folds, three seeds."""

_CALIBRATION = """\
Expected calibration error over ten spans, measured in five parts, of which each is left out once when the temperature
is set. Few rows scatter: the last column is what a model with perfect probabilities would show on as many, the mean of
200 draws, so an error near it says no more than that nothing is known to be wrong."""

_HEADS = """\
The heads as they are fitted at last, on the int8 graph; with other seeds, each with other rows (as many as there are,
drawn from them with replacement); and changed in one thing each. The encoder below them is always the same, and so is
the split: this is how far a head scatters, not a whole run."""

_AGAIN = """\
The last stage run again from the same weights of the second, in fp32 and before the heads are fitted anew: with other
seeds (other rows drawn, another order), and, with the first, changed in one thing each. The stages before it, which
take far longer, were run once. `embedding` is the mean cosine to what the untuned encoder says of a text: how well like
texts are still found."""

_LIMITS = """\
* English only. Texts in other languages are recognised and left unjudged.
* Learned from posts of 2010 to 2019 on one platform: newer slang, long e-mails and reviews are less certain ground.
* Complaints were learned from posts to some ninety brands, mostly in customer care. A complaint about politics or
  the weather was rarely seen.
* Emotion knows four and no "none": a text that shows no emotion gets one all the same, seldom with a high score.
* Irony was learned from tweets that were tagged as such, half of them ironic; in the wild far fewer are, so its
  probability is too high by as much. The other heads often take an ironic text at its word: "great, another update that
  breaks everything" is found ironic, yet its sentiment is read as positive and whether it complains is left unsure.
* Praise by a negated comparison ("never had a better flight") is read as negative.
* It reads the first 128 word pieces of a text (some 90 words)."""

_RECIPE = """\
The whole encoder above its word table is tuned together with its heads, in three stages: first on sentiment and
complaints; then, but for the lower third of the encoder, on every head at once, the small sets repeated, of the large
ones at most 3,500 rows a class; last on 400 rows a class and our own examples four times. What a row does not say about
sentiment or complaints is filled in with what the first stage says of it, at half the weight; a complaint counts as
negative at half the weight. Classes are weighted to count the same; the mean embedding is held to what the untuned
encoder says, so that it still finds like texts; the weights of the last hundred steps of a stage are averaged. At last
the encoder becomes int8, and the heads are fitted anew on what it reads then of the second stage's rows, our own
examples at three times their weight; each is taken if it is better on the tuning rows, which flatters it a little, else
it stays as trained."""

_SAME = """\
Every text goes through the graph by itself, so a verdict does not depend on what else is judged beside it, nor on
how many threads there are. Weights are int8 (7 bits of it, so that processors without VNNI do not overflow) with a
scale per column; activations are scaled by the largest value in the text."""


@dataclass(frozen=True, slots=True)
class Made:
    """How a model was made. `rows`: head -> rows trained on, rows tuned on. `command` makes it again.

    `note` is what people wrote down about these weights.
    """

    recipe: Mapping[str, object]
    rows: Mapping[str, tuple[int, int]]
    without: Collection[str]
    command: str
    note: str = ""


Measured = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class Report:
    """What was measured of a model.

    `figures` are what the exported model reaches on the tuning rows, `steps` what each step of training gained,
    `probes` what was measured by other means (`probe.py`), `heads` and `again` what the heads (`heads.py`) and the last
    stage (`repeats.py`) reach with other seeds and otherwise, `calibration` how far probabilities are off.
    """

    figures: Mapping[str, object]
    steps: Measured
    probes: Measured
    heads: Measured
    again: Measured
    calibration: Measured


MEASURED = ("steps", "probes", "heads", "again", "calibration")
"""Parts of a report beside the figures of the model itself."""


def write_card(folder: Path, report: Report, made: Made) -> None:
    """Write the card beside the model."""
    heads = list(made.rows)
    sources = ["encoder", *(head for head in heads if head in _SOURCES), "care"]
    sources += [] if "own" in made.without else ["own"]
    parts = [
        f"# {report.figures['model']}\n\nJudges short English posts: {', '.join(heads)}."
        + ("" if "complaint" in heads else " Made without a complaint head."),
        f"Made by `{made.command}`.",
        *_measured(report, heads),
        "## Made from\n\n| part | where from | terms |\n|---|---|---|\n"
        + "\n".join(_SOURCES[name] for name in sources)
        + "\n\n| rows with a label for | to train on | to tune on |\n|---|---|---|\n"
        + "\n".join(f"| {head} | {train:,} | {val:,} |" for head, (train, val) in made.rows.items()),
        "The texts of others are not part of this repository or of any release.",
        f"## Recipe\n\n{_RECIPE}\n\n" + _table(made.recipe),
        "## The same text, the same verdict\n\n" + _SAME,
        "## Where not to rely on it\n\n" + _LIMITS,
        *([f"## How these weights came to be\n\n{made.note}"] if made.note else []),
    ]
    (folder / "MODEL_CARD.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


def _measured(report: Report, heads: list[str]) -> Iterator[str]:
    """The parts of a card that hold figures."""
    yield "## Measured\n\nBy the exported int8 graph, on rows that were tuned on but not trained on:"
    yield f"```json\n{json.dumps(report.figures, indent=2)}\n```"
    yield _MEASURES
    yield f"## Calibration\n\n{_CALIBRATION}\n\n" + _rows(
        report.calibration, list(next(iter(report.calibration.values())))
    )
    yield "## What each step gained\n\nThe same measures, in fp32 unless said otherwise:\n\n" + _rows(
        report.steps, heads
    )
    yield f"## Other seeds, and what each part gains\n\n{_HEADS}\n\n" + _rows(
        {**report.heads, **_together(report.heads)}, heads
    )
    if report.again:
        yield f"{_AGAIN}\n\n" + _rows({**report.again, **_together(report.again)}, [*heads, EMBEDDING])
    if report.probes:
        yield f"## Probes\n\n{_PROBES}"
    for name, found in report.probes.items():
        yield f"{name.capitalize()}:\n\n{_table(found)}"


def _together(found: Measured) -> Measured:
    """Of the seeds: the mean of each figure, and how far it scatters (standard deviation)."""
    seeds = [figures for name, figures in found.items() if name.removeprefix("seed ").isdigit()]
    if len(seeds) < 2:
        return {}
    several = {what: [figures[what] for figures in seeds] for what in seeds[0]}
    return {
        f"mean of {len(seeds)} seeds": {what: round(mean(values), 4) for what, values in several.items()},
        "standard deviation": {what: round(stdev(values), 4) for what, values in several.items()},
    }


def _rows(figures: Measured, columns: list[str]) -> str:
    """What was measured by line, and one figure a column."""
    lines = [
        f"| {name} | " + " | ".join(f"{found[one]:.4g}" if one in found else "" for one in columns) + " |"
        for name, found in figures.items()
    ]
    return "\n".join([f"| | {' | '.join(columns)} |", "|---|" + "---|" * len(columns), *lines])


def _table(values: Mapping[str, object]) -> str:
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in values.items())])
