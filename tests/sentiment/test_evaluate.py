"""The figures mean what they say, on labelled texts of any folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from core.errors import BadInput
from core.types import UNSUPPORTED, Verdict
from sentiment.evaluate import evaluate, evaluate_tweeteval
from sentiment.lexicon import LexiconClassifier
from sentiment.measures import calibration_error, f1, macro_f1, macro_recall


class Echo:
    """Says what the text says: a sentiment's name, then yes, no or unsure."""

    name = "echo-1"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        said = {"yes": (True, 0.9), "no": (False, 0.1), "unsure": (None, 0.55), "": (False, 0.0)}
        found = [text.partition(" ")[::2] for text in texts]
        return [Verdict(self.name, "en", label, {}, *said[complaint]) for label, complaint in found]


class Feeler:
    """Says what the text says: an emotion's name, then the chance of irony, which is also that of an offence."""

    name = "feeler-1"

    def classify(self, texts: Sequence[str], langs: Sequence[str | None] | None = None) -> list[Verdict]:
        found = []
        for text in texts:
            label, _, chance = text.partition(" ")
            scores = {"negative": 0.2, "neutral": 0.7, "positive": 0.1}
            found.append(
                Verdict(
                    self.name, "en", "neutral", scores, None, None,
                    emotion=label, emotions={label: 0.9}, irony=float(chance), offensive=float(chance),
                )
            )  # fmt: skip
        return found


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_measures_weigh_every_class_the_same() -> None:
    truth = np.array([0, 0, 0, 0, 1, 2])
    assert macro_recall(truth, np.array([0, 0, 0, 1, 1, 0])) == pytest.approx((0.75 + 1 + 0) / 3, abs=1e-4)
    assert macro_f1(np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])) == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-4)
    assert f1(np.array([False, False, True, True]), np.array([False, True, True, True])) == 0.8
    assert f1(np.array([False]), np.array([False])) == 0.0


def test_a_model_is_calibrated_when_what_it_is_sure_of_is_as_often_right() -> None:
    right = np.array([True, True, True, False])
    assert calibration_error([0.75] * 4, right) == 0.0
    assert calibration_error([1.0] * 4, right) == 0.25
    assert calibration_error([0.95, 0.95, 0.55, 0.55], np.array([True, True, True, False])) == 0.05


def test_a_folder_of_labelled_texts_gives_figures(tmp_path: Path) -> None:
    write(
        tmp_path / "sentiment" / "val.tsv",
        "id\tlabel\ttext\n1\tnegative\tnegative\n2\tneutral\tpositive\n3\tpositive\tpositive\n4\tneutral\tneutral\n",
    )
    write(
        tmp_path / "complaints" / "test.csv",
        "id,text,label,domain\n1,negative yes,1,food\n2,neutral no,0,food\n3,neutral yes,0,random_tweet\n"
        "4,neutral unsure,1,food\n",
    )
    figures = evaluate(Echo(), tmp_path)
    assert figures["sentiment"] == {
        "file": "val.tsv",
        "rows": 4,
        "macro_recall": 0.8333,
        "recall": {"negative": 1.0, "neutral": 0.5, "positive": 1.0},
        "accuracy": 0.75,
        "calibration_error": 0.75,
    }
    complaint = figures["complaint"]
    assert isinstance(complaint, dict)
    assert (complaint["rows"], complaint["rows_to_brand"], complaint["unsure"]) == (4, 3, 0.25)
    assert complaint["macro_f1_to_brand"] == 1.0
    assert complaint["macro_f1"] == pytest.approx((0.8 + 2 / 3) / 2, abs=1e-4)


def test_quotes_in_tab_separated_texts_are_only_characters(tmp_path: Path) -> None:
    write(tmp_path / "sentiment" / "test.tsv", 'id\tlabel\ttext\n1\tpositive\t"love it\n2\tnegative\thate it"\n')
    figures = evaluate(LexiconClassifier(), tmp_path)
    assert figures["sentiment"]["rows"] == 2  # type: ignore[index]
    assert figures["sentiment"]["macro_recall"] == 1.0  # type: ignore[index]


def test_a_model_without_complaints_is_not_given_a_score_for_them(tmp_path: Path) -> None:
    write(tmp_path / "complaints" / "val.csv", "id,text,label,domain\n1,late again,1,food\n")
    complaint = evaluate(LexiconClassifier(), tmp_path)["complaint"]
    assert complaint == {"file": "val.csv", "rows": 1, "note": "this model does not judge complaints"}


def test_tweetevals_own_layout_is_read(tmp_path: Path) -> None:
    place = tmp_path / "datasets" / "sentiment"
    write(place / "test_text.txt", "I love it\nit is awful \u2028 really\nthe table is brown\n")
    write(place / "test_labels.txt", "2\n0\n1\n")
    for folder in (tmp_path, tmp_path / "datasets"):
        figures = evaluate_tweeteval(LexiconClassifier(), folder)
        assert figures["sentiment"]["macro_recall"] == 1.0  # type: ignore[index]
        assert list(figures) == ["model", "sentiment"]
    write(place / "test_labels.txt", "2\n0\n")
    with pytest.raises(BadInput, match="3 texts but 2 labels"):
        evaluate_tweeteval(LexiconClassifier(), tmp_path)
    write(place / "test_labels.txt", "2\n0\n3\n")
    with pytest.raises(BadInput, match="label 3 is not one of 3"):
        evaluate_tweeteval(LexiconClassifier(), tmp_path)


def test_every_task_of_tweeteval_is_scored_by_its_own_measure(tmp_path: Path) -> None:
    write(tmp_path / "emotion" / "test_text.txt", "anger 0\njoy 0\njoy 0\nsadness 0\n")
    write(tmp_path / "emotion" / "test_labels.txt", "0\n1\n2\n3\n")
    for task in ("irony", "offensive"):
        write(tmp_path / task / "test_text.txt", "joy 0.9\njoy 0.6\njoy 0.4\njoy 0.1\n")
        write(tmp_path / task / "test_labels.txt", "1\n0\n0\n0\n")
    figures = evaluate_tweeteval(Feeler(), tmp_path)
    assert list(figures) == ["model", "emotion", "irony", "offensive"]
    emotion, irony, offensive = (figures[task] for task in ("emotion", "irony", "offensive"))
    assert isinstance(emotion, dict)
    assert isinstance(irony, dict)
    assert isinstance(offensive, dict)
    assert emotion["macro_f1"] == pytest.approx((1 + 2 / 3 + 0 + 1) / 4, abs=1e-4)
    assert emotion["f1"] == {"anger": 1.0, "joy": 0.6667, "optimism": 0.0, "sadness": 1.0}
    assert irony["f1_of_yes"] == pytest.approx(2 / 3, abs=1e-4)
    assert offensive["macro_f1"] == pytest.approx((2 / 3 + 4 / 5) / 2, abs=1e-4)
    assert offensive["calibration_error"] == pytest.approx(0.1, abs=1e-4)


def test_a_model_without_a_head_is_not_given_a_score_for_it(tmp_path: Path) -> None:
    write(tmp_path / "emotion" / "val.tsv", "id\tlabel\ttext\n1\tjoy\tx\n")
    write(tmp_path / "irony" / "test.tsv", "id\tlabel\ttext\n1\tirony\tx\n")
    figures = evaluate(LexiconClassifier(), tmp_path)
    assert figures["emotion"] == {"file": "val.tsv", "rows": 1, "note": "this model has no emotion"}
    assert figures["irony"] == {"file": "test.tsv", "rows": 1, "note": "this model does not judge irony"}


def test_a_folder_without_labels_or_with_wrong_ones_is_refused_with_the_place(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="holds neither"):
        evaluate(Echo(), tmp_path)
    with pytest.raises(BadInput, match="holds none of TweetEval"):
        evaluate_tweeteval(Echo(), tmp_path)
    (tmp_path / "irony").mkdir()
    with pytest.raises(BadInput, match="irony does not hold TweetEval"):
        evaluate_tweeteval(Echo(), tmp_path)
    write(tmp_path / "sentiment" / "val.tsv", "id\tlabel\ttext\n1\tneutral\tx\n2\tmeh\tx\n")
    with pytest.raises(BadInput, match=r"val\.tsv, line 3: label 'meh'"):
        evaluate(Echo(), tmp_path)


def test_a_verdict_that_was_not_given_counts_as_wrong(tmp_path: Path) -> None:
    write(tmp_path / "sentiment" / "val.tsv", f"id\tlabel\ttext\n1\tneutral\t{UNSUPPORTED}\n")
    assert evaluate(Echo(), tmp_path)["sentiment"]["accuracy"] == 0.0  # type: ignore[index]
