"""`ripplewatch train` and `evaluate`: labels in, a model and figures out; or corrections in, a better head out."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from core import settings
from core.errors import BadInput
from sentiment import classifier, fits
from sentiment.evaluate import evaluate as figures_of
from sentiment.evaluate import evaluate_tweeteval
from sentiment.onnx import OnnxClassifier
from sentiment.train.__main__ import main as _train
from web.commands.opened import brand_of, opened

_NEEDED = ("data", "encoder", "out")


def _options() -> list[click.Parameter]:
    """Those of the training, none of them needed, and those of the heads."""
    found: list[click.Parameter] = [copy.copy(param) for param in _train.params]
    for param in found:
        param.required = False
    return [
        click.Option(["--heads"], is_flag=True, help="Re-fit a brand's heads from its corrections, in seconds."),
        click.Option(["--brand"], help="With --heads: the brand whose corrections these are."),
        click.Option(["--rollback"], is_flag=True, help="With --heads: go back to the fit before the one in use."),
        *found,
    ]


def _run(heads: bool, brand: str | None, rollback: bool, **given: Any) -> None:
    if heads or rollback:
        if not brand:
            raise click.UsageError("--heads needs --brand SLUG: corrections are a brand's")
        _heads(brand, seed=given["seed"], rollback=rollback)
        return
    if brand:
        raise click.UsageError("--brand goes with --heads")
    if missing := [name for name in _NEEDED if given[name] is None]:
        raise click.UsageError(f"Missing option '--{missing[0]}' (or --heads --brand SLUG, to learn from corrections).")
    if _train.callback:
        _train.callback(**given)


def _heads(slug: str, *, seed: int, rollback: bool) -> None:
    """Train or roll back; prints the figures."""
    with opened() as runtime:
        model = classifier.load(runtime.settings.model, runtime.settings.model_threads)
        if not isinstance(model, OnnxClassifier):
            raise BadInput(f"{model.name} cannot be taught by corrections; the model that comes with Ripplewatch can")
        with runtime.db.write() as db:
            brand = brand_of(db, slug)
            if rollback:
                figures: Mapping[str, Any] = fits.roll_back(db, brand, model.name)
            else:
                figures = fits.train(db, runtime.clock, brand, model, seed)
    click.echo(json.dumps(figures, indent=2))


train = click.Command(
    "train",
    params=_options(),
    callback=_run,
    help="""Train the model with all its heads (needs torch), or re-fit a brand's heads from its corrections.

    With --heads --brand SLUG what people corrected teaches the model how that brand is spoken of. It is put to use only
    if it is better on corrections that it has not seen; the last three are kept. Nothing is learned from posts on X.
    Prints figures as JSON.
    """,
    short_help="Train the model (needs torch), or a brand's heads.",
    epilog="Example: ripplewatch train --data data --encoder all-MiniLM-L6-v2 --out my-model; "
    "ripplewatch train --heads --brand acme",
)


@click.command(
    short_help="Measure a model on labelled texts.", epilog="Example: ripplewatch evaluate data --model lexicon"
)
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--model", help="Another model than MODEL says: bundled, lexicon, or a Hugging Face id or folder.")
@click.option("--tweeteval", is_flag=True, help="FOLDER is a copy of TweetEval; score its tests.")
def evaluate(folder: Path, model: str | None, tweeteval: bool) -> None:
    """Measure a model on labelled texts: FOLDER holds sentiment/*.tsv, emotion/*.tsv, irony/*.tsv, offensive/*.tsv
    and complaints/*.csv, or some of them. Prints JSON."""
    chosen = settings.load()
    judge = classifier.load(model or chosen.model, chosen.model_threads)
    found = evaluate_tweeteval(judge, folder) if tweeteval else figures_of(judge, folder)
    click.echo(json.dumps(found, indent=2))
