"""How well like complaints become one incident: labelled texts as a stream, `python -m bench.purity --data FOLDER`.

FOLDER holds intents/banking77_train.csv (text, intent) and complaints/train.csv (text, label). The stream is two weeks
of one brand: complaints about everything, a score of usual topics at rates of their own, by day more than by night,
people who complain ten times; and waves of one intent each, sudden (over three hours) or slow (over a day and a half).
The intents of the waves are held out: every threshold was found with other ones (`--split tuning` shows those).

Purity is the share of an incident's complaints that are of its main intent, inverse purity that of a wave's complaints
that are in its incident, each complaint counted once (B-cubed; Amigo et al., 2009, of what was clustered). A wave is
found by the first incident of which it is the main intent while it lasts; the delay is the share of its complaints that
had come by then. An incident that finds no wave is a false one. The baseline beside it joins each complaint to the
nearest group whose leader is near enough, and calls five authors within 48 hours a wave.
"""

from __future__ import annotations

import argparse
import csv
import os
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.__main__ import table
from core import waiting
from core.clock import HeldClock
from core.db import Database
from core.queue import ThreadQueue
from core.runtime import Runtime
from core.settings import Settings
from core.tables import Author, Brand, Embedding, Match, Mention, Verdict
from sentiment.classifier import load_bundled
from sentiment.ripple.cluster import cluster_batch
from sentiment.ripple.kin import Growing, by_rare_word, home_of, risen
from sentiment.ripple.likeness import DAY, EMBEDDED, HOUR, KEPT, LEAST, WINDOW, Measure, Pool, nearest
from sentiment.ripple.rare import words_of

Floats = NDArray[np.float32]
Rows = list[tuple[str, str]]

BANK, COMPLAINTS = "intents/banking77_train.csv", "complaints/train.csv"
DAYS = 14
STREAMS = 6
WAVES = 6
"""Of one stream; half of them are sudden."""
USUAL = 20
"""Intents of one stream that are there all the time, two a day in the mean."""
ELSE_PER_DAY = 30
"""Complaints a day about something else."""
EARLY = 0.2
LEADER = 0.6
"""How near the baseline's leader must be: the best for it of 0.4, 0.5, 0.6 and 0.7 on the intents for tuning."""


@dataclass(frozen=True, slots=True)
class Said:
    """A complaint of the stream: `intent` is "" for what is about something else; `wave` its number, -1 for none."""

    at: float
    author: int
    text: int
    intent: str
    wave: int


@dataclass(frozen=True, slots=True)
class Texts:
    """All texts that a stream is made of: the intent of each ("" for those about something else), its vector and its
    words."""

    intents: NDArray[np.str_]
    vectors: Floats
    words: tuple[frozenset[str], ...]


def read(data: Path) -> tuple[list[str], list[str]]:
    """The texts and their intents."""
    with (data / BANK).open(encoding="utf-8", newline="") as file:
        pairs = [(row["text"], row["intent"]) for row in csv.DictReader(file)]
    with (data / COMPLAINTS).open(encoding="utf-8", newline="") as file:
        pairs += [(row["text"], "") for row in csv.DictReader(file) if row["label"] == "1"]
    return [text for text, _ in pairs], [intent for _, intent in pairs]


def halves(intents: Sequence[str]) -> dict[str, list[str]]:
    """The intents for tuning and those that are held out, drawn once."""
    names = sorted(set(intents) - {""})
    drawn = np.random.default_rng(20_261_122).permutation(len(names))
    half = len(names) // 2
    return {
        "tuning": [names[n] for n in drawn[:half]],
        "held-out": [names[n] for n in drawn[half:]],
    }


def stream(texts: Texts, names: Sequence[str], seed: int) -> list[Said]:
    """Two weeks of complaints, by time."""
    rng = np.random.default_rng(seed)
    left = {name: list(rng.permutation(np.flatnonzero(texts.intents == name))) for name in (*names, "")}
    drawn = [str(name) for name in rng.permutation(np.array(names))]
    usual, waves = drawn[:USUAL], [*drawn[USUAL : USUAL + WAVES - 2], *drawn[:2]]
    said: list[Said] = []

    def say(at: float, name: str, wave: int, author: int | None = None) -> None:
        if left[name]:
            who = author if author is not None else int(rng.integers(1, 1_000_000))
            said.append(Said(at, who, int(left[name].pop()), name, wave))

    for at in _by_day(rng, ELSE_PER_DAY * DAYS):
        say(at, "", -1)
    rates = rng.gamma(1.0, 2.0, USUAL)
    for name, rate in zip(usual, rates, strict=True):
        for at in _by_day(rng, max(0, min(int(rate * DAYS), len(left[name]) - 60))):
            say(at, name, -1)
    for number in range(3):
        for at in rng.uniform(0, HOUR, 10) + rng.uniform(3, DAYS) * DAY:
            say(float(at), drawn[-1 - number], -1, author=-number)
    for wave, name in enumerate(waves):
        begin, size = rng.uniform(3, DAYS - 2) * DAY, int(rng.integers(20, 60))
        late = rng.exponential(HOUR, size) if wave % 2 else 36 * HOUR * np.sqrt(rng.uniform(0, 1, size))
        for at in begin + late:
            say(float(at), name, wave)
    return sorted(said, key=lambda one: one.at)


def _by_day(rng: np.random.Generator, number: int) -> list[float]:
    """Times over all days, three of four in the twelve hours of the day."""
    days = rng.integers(0, DAYS, number)
    hours = np.where(rng.uniform(size=number) < 0.75, rng.uniform(8, 20, number), rng.uniform(0, 24, number))
    return sorted(float(one) for one in days * DAY + hours * HOUR)


@dataclass
class Found:
    """An incident: when it opened, and its complaints (numbers in the stream) in the order in which they joined."""

    opened: float
    members: list[int]


def ours(said: Sequence[Said], texts: Texts) -> list[Found]:
    """What sentiment/ripple/cluster.py does, without a database."""
    pool = Pool(texts.vectors.shape[1])
    found: list[Found] = []
    growing: dict[int, Growing] = {}
    homes: dict[int, int] = {}
    for number, one in enumerate(said):
        vector = texts.vectors[one.text]
        pool.add([number], [one.author], [one.at], vector[None], [texts.words[one.text]])
        live = {n: it for n, it in growing.items() if it.last >= one.at - WINDOW}
        likeness = {n: float(pool.likeness(vector[None], it.mean)[0]) for n, it in live.items() if it.mean is not None}
        near = nearest(likeness, EMBEDDED)
        which = near[0] if near else by_rare_word(number, likeness, live, pool)
        members = [number]
        if which is None:
            group = pool.group(number, EMBEDDED) or risen(number, pool, homes)
            if group is None:
                continue
            members = sorted(member for member in group.likeness if member not in homes)
            which = home_of(group, [homes.get(member) for member in group.likeness], live, pool)
        if which is None:
            which = len(found)
            found.append(Found(one.at, []))
            growing[which] = Growing(None, 0, one.at)
        found[which].members += members
        for member in members:
            growing[which].add(member, texts.vectors[said[member].text], said[member].at)
        homes |= dict.fromkeys(members, which)
    return found


def leaders(said: Sequence[Said], texts: Texts, near: float = LEADER) -> list[Found]:
    """The baseline."""
    groups: list[list[int]] = []
    vectors = texts.vectors
    for number, one in enumerate(said):
        vector = vectors[one.text]
        live = [group for group in groups if said[group[-1]].at >= one.at - WINDOW]
        best = max(live, key=lambda group: float(vector @ vectors[said[group[0]].text]), default=None)
        if best is not None and float(vector @ vectors[said[best[0]].text]) >= near:
            best.append(number)
        else:
            groups.append([number])
    found = []
    for group in groups:
        authors: set[int] = set()
        for number in group:
            authors.add(said[number].author)
            if len(authors) == LEAST:
                found.append(Found(said[number].at, group))
                break
    return found


@dataclass(frozen=True, slots=True)
class Figures:
    """Of some streams: purity and inverse purity per complaint, the delay per wave (1: never found), and incidents that
    found no wave."""

    purity: tuple[float, ...]
    inverse: tuple[float, ...]
    delays: tuple[float, ...]
    incidents: int
    false: int

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def rows(self, who: str) -> Rows:
        """The figures in words."""
        purity, inverse = (sum(part) / max(1, len(part)) for part in (self.purity, self.inverse))
        found = [delay for delay in self.delays if delay < 1]
        early = sum(delay <= EARLY for delay in self.delays)
        return [
            (f"{who}: purity, inverse purity", f"{purity:.3f}, {inverse:.3f}"),
            (f"{who}: waves found", f"{len(found)} of {len(self.delays)}"),
            (f"{who}: before {EARLY:.0%} of its complaints had come", f"{early} of {len(self.delays)}"),
            (f"{who}: share that had come, median", f"{statistics.median(self.delays):.2f}"),
            (f"{who}: incidents, of them false", f"{self.incidents}, {self.false}"),
        ]


def figures(said: Sequence[Said], found: Sequence[Found]) -> Figures:
    """How well the incidents of one stream stand for its waves."""
    purity, inverse = [], []
    home = {member: n for n, incident in enumerate(found) for member in incident.members}
    main: list[str] = []
    for incident in found:
        intents = Counter(said[member].intent or str(member) for member in incident.members)
        main.append(intents.most_common(1)[0][0])
        purity += [intents[said[member].intent or str(member)] / len(incident.members) for member in incident.members]
    delays, useful = [], set()
    for wave in sorted({one.wave for one in said} - {-1}):
        mine = [number for number, one in enumerate(said) if one.wave == wave]
        homes = Counter(home[number] for number in mine if number in home)
        inverse += [homes[home[number]] / len(mine) if number in home else 0.0 for number in mine]
        begin, end = said[mine[0]].at, said[mine[-1]].at
        hits = [n for n, one in enumerate(found) if main[n] == said[mine[0]].intent and begin <= one.opened <= end]
        useful |= set(hits)
        opened = min((found[n].opened for n in hits), default=None)
        delays.append(1.0 if opened is None else sum(said[number].at <= opened for number in mine) / len(mine))
    return Figures(tuple(purity), tuple(inverse), tuple(delays), len(found), len(found) - len(useful))


def run(data: Path | None = None, split: str = "held-out", streams: int = STREAMS) -> Rows:
    """The figures of our clustering and of the baseline on the same streams, and how fast the stage is."""
    folder = data or (Path(os.environ["RIPPLEWATCH_DATA"]) if "RIPPLEWATCH_DATA" in os.environ else None)
    if folder is None or not (folder / BANK).exists() or not (folder / COMPLAINTS).exists():
        return [("purity", f"not measured: --data or RIPPLEWATCH_DATA must name a folder with {BANK} and {COMPLAINTS}")]
    said, intents = read(folder)
    texts = Texts(np.array(intents), load_bundled().embed(said), tuple(map(words_of, said)))
    names = halves(intents)[split]
    all_said = [stream(texts, names, seed) for seed in range(streams)]
    rows = [(f"purity: streams of {split} intents", f"{streams}, {sum(map(len, all_said)):,} complaints in all")]
    for who, cluster in (("ours", ours), ("leaders", leaders)):
        each = [figures(one, cluster(one, texts)) for one in all_said]
        rows += sum(each[1:], each[0]).rows(f"purity: {who}")
    return [
        *rows,
        (
            "purity: complaints per second of CPU, the whole stage, 10,000 remembered",
            f"{speed(said, texts.vectors):,.0f}",
        ),
    ]


def speed(texts: Sequence[str], vectors: Floats, stored: int = KEPT, fresh: int = 1_000) -> float:
    """Complaints per second of CPU that the stage looks at where `stored` are remembered already, on SQLite.

    Their vectors are known, as they are to the model that has just judged them.
    """
    clock = HeldClock()
    drawn = np.random.default_rng(1).integers(0, len(vectors), stored + fresh)
    with tempfile.TemporaryDirectory() as home:
        settings = Settings(ripplewatch_home=Path(home))
        database = Database(settings.database)
        database.prepare()
        runtime = Runtime(settings, database, clock, ThreadQueue({}))
        _fill(runtime, [texts[row] for row in drawn], vectors[drawn], stored)
        known = Known({texts[row]: vectors[row] for row in drawn})
        asked = fresh - cluster_batch(runtime, known)  # the first batch reads what is remembered
        started = time.process_time()
        while cluster_batch(runtime, known):
            pass
        seconds = time.process_time() - started
        database.close()
    return asked / seconds


@dataclass(frozen=True, slots=True)
class Known:
    """Vectors that need not be made."""

    of: dict[str, Floats]
    name: str = "known"
    measure: Measure = EMBEDDED

    def embed(self, texts: Sequence[str]) -> Floats:
        """As they are known."""
        return np.stack([self.of[text] for text in texts]) if texts else np.zeros((0, 384), np.float32)


def _fill(runtime: Runtime, texts: Sequence[str], vectors: Floats, stored: int) -> None:
    """Complaints of one brand, the first `stored` of which are remembered, and the others wait."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        db.add(Brand(id=1, slug="acme", name="Acme", created_at=now))
        for number in range(1, len(vectors) + 1):
            at = now - timedelta(days=12) * max(0.0, 1 - number / stored)
            author = Author(id=number, platform="files", native_id=str(number), handle=f"a{number}")
            row = Mention(id=number, platform="files", native_id=str(number), author=author)
            row.text = texts[number - 1]
            row.created_at, row.heard_at, row.matches = at, at, [Match(brand_id=1)]
            verdict = Verdict(mention=row, model="known", language="en", sentiment="negative", complaint=True)
            verdict.judged_at = at
            db.add_all([row, verdict])
        db.flush()
        for number, vector in enumerate(vectors[:stored], 1):
            at, packed = db.get_one(Mention, number).created_at, vector.astype(np.float16).tobytes()
            db.add(Embedding(mention_id=number, brand_id=1, model="known", at=at, vector=packed))
        db.flush()
        waiting.add(db, runtime.clock, "cluster", range(stored + 1, len(vectors) + 1))


def main(arguments: Sequence[str]) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m bench.purity", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder with intents/ and complaints/")
    parser.add_argument("--split", choices=("held-out", "tuning"), default="held-out")
    parser.add_argument("--streams", type=int, default=STREAMS, help="how many streams; the seeds are 0, 1, ...")
    asked = parser.parse_args(arguments)
    print(table(run(asked.data, asked.split, asked.streams)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
