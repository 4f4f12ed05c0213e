"""`ripplewatch train` and `evaluate`: labelled data in, a model and figures out."""

from __future__ import annotations

import json
from pathlib import Path

import click

from core import settings
from sentiment import classifier
from sentiment.evaluate import evaluate as figures_of
from sentiment.evaluate import evaluate_tweeteval
from sentiment.train.__main__ import main as _train

train = click.Command(
    "train",
    params=_train.params,
    callback=_train.callback,
    help="Train the model with all its heads (needs torch). Prints what it reaches as JSON.",
    short_help="Train the model (needs torch).",
    epilog="Example: ripplewatch train --data data --encoder all-MiniLM-L6-v2 --out my-model",
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
