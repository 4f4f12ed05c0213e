"""What can be measured without training the encoder anew: a linear head on what an encoder reads of a text.

Two questions are too dear to answer by whole runs. How well are complaints found at a kind of brand that was never
seen? And how well does a head for intents do on rows that it has not seen, whichever those are? A head alone takes a
second to fit, so each kind of brand, and each fold, can be left out in turn. The encoder must not have seen the labels.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from statistics import mean

import numpy as np
import torch
from torch.nn import functional

from sentiment.measures import f1, macro_f1
from sentiment.train.calibrate import Floats, Labels
from sentiment.train.data import balance

PENALTY = 3e-2
FOLDS = 5
SEEDS = (0, 1, 2)


def left_out(features: Floats, labels: Labels, domains: Sequence[str]) -> dict[str, float]:
    """Macro-F1 of complaints at each kind of brand, by a head fitted on all other rows; and over all kinds together.

    `when others of its kind are known` is the same for folds that leave out rows at random: the difference is what it
    costs that a kind of brand is new.
    """
    kinds = np.array(domains)
    brands = [kind for kind in sorted(set(domains)) if not kind.startswith("random_")]
    said = np.zeros(len(labels), dtype=int)
    for kind in brands:
        said[kinds == kind] = _said(features, labels, kinds == kind)
    to_brand = np.isin(kinds, brands)
    found = {kind: macro_f1(labels[kinds == kind], said[kinds == kind]) for kind in brands}
    found["all of them"] = macro_f1(labels[to_brand], said[to_brand])
    known = [_in_folds(features, labels, seed) for seed in SEEDS]
    found["when others of its kind are known"] = round(
        mean(macro_f1(labels[to_brand], said[to_brand]) for said in known), 4
    )
    return found


def in_folds(features: Floats, labels: Labels, names: Sequence[str]) -> dict[str, float]:
    """F1 of each label and macro-F1, of heads that have not seen the rows; the mean of three seeds."""
    several = [_in_folds(features, labels, seed) for seed in SEEDS]
    found = {
        name: round(mean(f1(labels == index, said == index) for said in several), 4) for index, name in enumerate(names)
    }
    scores = [macro_f1(labels, said) for said in several]
    return found | {"macro-F1": round(mean(scores), 4), "lowest of three seeds": min(scores), "highest": max(scores)}


def _in_folds(features: Floats, labels: Labels, seed: int) -> Labels:
    order = list(range(len(labels)))
    random.Random(seed).shuffle(order)  # noqa: S311 - reproducible folds, not a secret
    said = np.zeros(len(labels), dtype=int)
    for fold in range(FOLDS):
        held = np.zeros(len(labels), dtype=bool)
        held[order[fold::FOLDS]] = True
        said[held] = _said(features, labels, held)
    return said


def _said(features: Floats, labels: Labels, held: np.ndarray) -> Labels:
    """What a head says of the rows `held`, fitted on the others; every class weighs the same."""
    known = torch.tensor(features[~held])
    truth = torch.tensor(labels[~held])
    middle, spread = known.mean(0), known.std(0) + 1e-6
    classes = int(labels.max()) + 1
    weight = torch.tensor(balance(truth.tolist(), classes))
    head = torch.nn.Linear(known.shape[1], classes)
    torch.nn.init.zeros_(head.weight)
    torch.nn.init.zeros_(head.bias)
    optimizer = torch.optim.LBFGS(head.parameters(), max_iter=100, line_search_fn="strong_wolfe")
    inputs = (known - middle) / spread

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        found = functional.cross_entropy(head(inputs), truth, weight) + PENALTY * head.weight.square().sum()
        found.backward()
        return found

    optimizer.step(loss)
    with torch.no_grad():
        return np.asarray(head((torch.tensor(features[held]) - middle) / spread).argmax(1).numpy())
