"""How many posts a second the matcher sorts into 1,000 boolean queries, on one core.

    python -m bench.matcher [--data FOLDER]

Posts are the texts of FOLDER/sentiment/train.tsv (or of the folder that RIPPLEWATCH_DATA names) if there are any, else
seeded text whose words occur as often as Zipf's law says. The queries are a seeded mixture of what brand teams write:
spelling variants, phrases, exclusions, NEAR, prefixes, tags, handles, fields, lists of words, followers and kinds,
around words of those posts that are about as rare as brand names are. Time is CPU time of the one core, so that a busy
machine counts the same.
"""

import argparse
import os
import random
import time
from collections import Counter
from itertools import accumulate
from pathlib import Path

from listener.query import Matcher, Post, matches, parse

SEED = 20_261_122
QUERIES = 1_000
POSTS = 20_000
_LISTS = 20
GOAL = 20_000
"""Posts a second: a whole network's public stream."""

_FREQUENT = (  # noqa: SIM905 (the most frequent first; a list of quoted words is harder to read)
    "the to i a and is in it you of for on my that at with me this so be have just not but are was can't they we it's "
    "no get up if do out what all your when like one now go i'm about from don't love how still why got good day new "
    "time know today back see want think will can please never service order waiting late app help"
).split()
_SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu ran mel ten kor bir lin das nor gil".split()  # noqa: SIM905
_EXTRAS = ("😡", "🙄", "❤️", "…", "“really”", "naïve", "ありがとう", "https://example.com/a1B2", "won’t", "& more")


def run(data: Path | None = None) -> list[tuple[str, str]]:
    """Rows of (what was measured, figure)."""
    dice = random.Random(SEED)
    texts, origin = _texts(data, dice)
    posts = [_posted(dice, number, text) for number, text in enumerate(texts)]
    lists = _lists(texts, dice)
    queries = {number: parse(text, lists) for number, text in enumerate(_queries(texts, dice))}
    started = time.process_time()
    matcher = Matcher(queries)
    built = time.process_time() - started
    found, rate = _rate(matcher, posts)
    few = posts[:: max(1, len(posts) // 100)][:100]
    started = time.process_time()
    one_by_one = [[key for key, query in queries.items() if matches(query, post)] for post in few]
    slow = len(few) / (time.process_time() - started)
    if one_by_one != [matcher.match(post) for post in few]:
        raise AssertionError("the matcher and the one-by-one evaluation disagree")
    return [
        (f"matcher: {len(queries):,} queries, {len(posts):,} posts ({origin})", f"{rate:,.0f} posts/s (goal {GOAL:,})"),
        ("matcher: posts that match a query", f"{sum(map(bool, found)) / len(found):.0%}"),
        ("matcher: queries that a post matches on average", f"{sum(map(len, found)) / len(found):.2f}"),
        ("matcher: time to build", f"{built * 1000:,.0f} ms"),
        ("matcher: the same queries one after the other", f"{slow:,.0f} posts/s"),
    ]


def _rate(matcher: Matcher[int], posts: list[Post]) -> tuple[list[list[int]], float]:
    """What each post matched, and posts a second: the median of five rounds."""
    times = []
    found: list[list[int]] = []
    for _ in range(5):
        started = time.process_time()
        found = [matcher.match(post) for post in posts]
        times.append(time.process_time() - started)
    return found, len(posts) / sorted(times)[2]


def _texts(data: Path | None, dice: random.Random) -> tuple[list[str], str]:
    folder = data or (Path(os.environ["RIPPLEWATCH_DATA"]) if "RIPPLEWATCH_DATA" in os.environ else None)
    if folder is not None and (file := folder / "sentiment" / "train.tsv").exists():
        with file.open(encoding="utf-8") as lines:
            next(lines)
            return [line.split("\t")[2] for line in lines][:POSTS], "real tweets"
    return _made_up(dice), "made up"


def _made_up(dice: random.Random) -> list[str]:
    vocabulary = list(_FREQUENT)
    vocabulary += ["".join(dice.choices(_SYLLABLES, k=dice.randint(2, 4))) for _ in range(30_000)]
    weights = list(accumulate(1 / rank for rank in range(2, len(vocabulary) + 2)))
    return [_post(dice, vocabulary, weights) for _ in range(POSTS)]


def _post(dice: random.Random, vocabulary: list[str], weights: list[float]) -> str:
    words = dice.choices(vocabulary, cum_weights=weights, k=max(3, round(dice.gauss(18, 7))))
    if dice.random() < 0.4:
        words.insert(0, "@" + dice.choice(vocabulary).capitalize() + "Support")
    if dice.random() < 0.3:
        words.append("#" + "".join(word.title() for word in dice.choices(vocabulary, k=2)))
    if dice.random() < 0.3:
        words.insert(dice.randrange(len(words)), dice.choice(_EXTRAS))
    words[0] = words[0].capitalize()
    words[len(words) // 2] += dice.choice(".,!?")
    return " ".join(words)


def _posted(dice: random.Random, number: int, text: str) -> Post:
    followers, kind = int(dice.paretovariate(0.5) * 20), "reply" if text.startswith("@") else "post"
    return Post(text, author=f"person{number % 5_000}", lang="en", followers=min(followers, 10**8), kind=kind)


def _ranked(texts: list[str]) -> list[str]:
    """The words of the texts, the most frequent first."""
    counts = Counter(word for text in texts for word in text.lower().split() if word.isalpha() and len(word) > 3)
    return [word for word, _ in counts.most_common()]


def _lists(texts: list[str], dice: random.Random) -> dict[str, list[str]]:
    """Lists of words: of products (as rare as their names are) and of what goes wrong (common ones)."""
    ranked = _ranked(texts)
    products = {f"products{number}": dice.sample(ranked[8_000:20_000], 30) for number in range(_LISTS)}
    return products | {f"trouble{number}": dice.sample(ranked[20:1_500], 60) for number in range(_LISTS)}


def _queries(texts: list[str], dice: random.Random) -> list[str]:
    """Queries around words of the texts: brands from the rarer ones, what is said of them from the common ones."""
    ranked = _ranked(texts)
    brands, topics = ranked[400:20_000], ranked[20:1_500]
    return [_query(dice, brands, topics) for _ in range(QUERIES)]


def _query(dice: random.Random, brands: list[str], topics: list[str]) -> str:
    brand, other, third = dice.sample(brands, 3)
    one, two, three, four = dice.sample(topics, 4)
    return dice.choice(
        (
            f'{brand} OR {brand}s OR "{brand} {one}" OR #{brand} OR @{brand}support',
            f'({brand} OR {brand}app) ({one} OR {two} OR "{three} {four}") -{other}',
            f"{brand} NEAR/5 ({one} OR {two} OR {three})",
            f"{brand[:5]}* ({one} OR {two}) lang:en -(jobs OR hiring OR #{other})",
            f'({brand} OR {other}) NOT ({third} OR "{one} {two}") -from:{brand}',
            f"@{brand}support OR from:{brand}support",
            f'#{brand} OR (site:{brand}.com AND {one}) OR "{brand} {other}"',
            f'("{brand} {one}" OR "{one} {brand}") OR ({brand} NEAR/8 ({two} OR {three}*))',
            f'({brand} OR "{brand[:3]} {brand[3:]}") AND ({one} OR {two} OR {three} OR {four}) AND NOT from:person1',
            f"({brand} OR {other}) list:trouble{dice.randrange(_LISTS)} followers:>1000",
            f"list:products{dice.randrange(_LISTS)} NEAR/6 ({one} OR {two} OR {three}) -is:reply",
            f"{brand} (has:link OR has:emoji OR followers:10k..1m) -list:trouble{dice.randrange(_LISTS)}",
        )
    )


def main() -> None:
    """Print the figures."""
    options = argparse.ArgumentParser(description=run.__doc__)
    options.add_argument("--data", type=Path, help="folder with sentiment/train.tsv")
    for what, figure in run(options.parse_args().data):
        print(f"{what:72} {figure}")


if __name__ == "__main__":
    main()
