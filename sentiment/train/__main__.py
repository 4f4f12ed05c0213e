"""`python -m sentiment.train`: makes the bundled model, or one like it from other data."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import click

from core.errors import RipplewatchError
from sentiment.train.data import OPTIONAL

_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.command(name="train")
@click.option("--data", required=True, type=_FOLDER, help="Folder with sentiment/, complaints/ and more.")
@click.option("--encoder", required=True, type=_FOLDER, help="Folder with all-MiniLM-L6-v2 or another BERT encoder.")
@click.option("--out", required=True, type=_FOLDER, help="Folder to write the model to.")
@click.option("--rows", type=click.IntRange(min=1), help="Train on this many sentiment rows only.")
@click.option("--epochs", type=click.IntRange(min=1), default=1, show_default=True, help="Passes over the data.")
@click.option("--rate", type=float, default=5e-5, show_default=True, help="Learning rate of the first stage.")
@click.option("--second-rate", type=float, default=4e-5, show_default=True, help="Learning rate of the second stage.")
@click.option("--third-rate", type=float, default=2e-5, show_default=True, help="Learning rate of the third stage.")
@click.option("--seed", type=int, default=0, show_default=True, help="Order of the rows, and the split.")
@click.option(
    "--without",
    type=click.Choice([*OPTIONAL, "own"]),
    multiple=True,
    help="Leave this data, and its head, out (own: our examples). May be given several times.",
)
@click.option("--fp32", type=_FOLDER, help="Also keep the weights as trained in this folder.")
@click.option("--first", type=_FOLDER, help="Take the first stage from this folder (first/ of what --fp32 kept).")
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Seeds to fit the heads with.")
@click.option(
    "--again", is_flag=True, help="Run the last stage again with each seed, too, and without each of its parts."
)
@click.option("--trained", type=_FOLDER, help="Do not train: export what --fp32 kept in this folder.")
def main(
    data: Path,
    encoder: Path,
    out: Path,
    rows: int | None,
    epochs: int,
    rate: float,
    second_rate: float,
    third_rate: float,
    seed: int,
    without: tuple[str, ...],
    fp32: Path | None,
    first: Path | None,
    seeds: int,
    again: bool,
    trained: Path | None,
) -> None:
    """Train the model with all its heads and print what it reaches as JSON.

    Example: python -m sentiment.train --data data --encoder all-MiniLM-L6-v2 --out my-model
    """
    if again and not (fp32 or trained):
        raise click.UsageError("--again goes on from weights that --fp32 keeps or --trained names: name one of them")
    if find_spec("torch") is None:
        raise click.ClickException("training needs torch. Run: pip install 'ripplewatch[torch]'")
    from sentiment.train.make import Options, make_model  # noqa: PLC0415 - needs torch
    from sentiment.train.stages import Recipe  # noqa: PLC0415 - likewise

    recipe = Recipe(epochs=epochs, rate=rate, second_rate=second_rate, third_rate=third_rate, seed=seed)
    try:
        options = Options(
            data, encoder, out, recipe, rows, without, keep=fp32, trained=trained, first=first, seeds=seeds, again=again
        )
        figures = make_model(options)
    except RipplewatchError as error:
        raise click.ClickException(str(error)) from error
    click.echo(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
