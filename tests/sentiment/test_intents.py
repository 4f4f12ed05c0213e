"""Hand labels meet their texts: by pool and id, or not at all. All texts here are made up."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from core.errors import BadInput
from sentiment.train.intents import FILES, INTENTS, LABELS, read_intents, read_own_intents

MADE = {
    "complaints": 'id,text,label,domain\n7,"@acme, it\nleaks 😡",1,food\n8,unlabelled,0,food\n',
    "replies": json.dumps({"id": "k7", "mention": "@acme thanks! https://acme.example/x"}) + "\n",
    "sentiment": 'id\tlabel\ttext\tpart\n7\tneutral\t"where do I buy one\t2013train\n',
    "topics": "id\tlabel\ttopic\ttext\tpart\n7\tneutral\tacme\tI am off to &amp; stay with Bolt\t2015train\n",
    "intents": "text,intent\nfirst,card\nwhen does the bank open?,card\n",
}
LABELLED = """id\tpool\tintent
2\tintents\tquestion
7\tcomplaints\tfault
k7\treplies\tpraise
7\tsentiment\tpurchase
7\ttopics\tleaving
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for pool, made in MADE.items():
        place = tmp_path / FILES[pool]
        place.parent.mkdir()
        place.write_text(made, encoding="utf-8")
    (tmp_path / "labels.tsv").write_text(LABELLED)
    return tmp_path


def test_every_label_meets_the_text_of_its_pool(folder: Path) -> None:
    assert read_intents(folder, labels=folder / "labels.tsv") == [
        ("when does the bank open?", "question", "intents"),
        ("@user, it leaks pouting face", "fault", "complaints"),
        ("@user thanks! http", "praise", "replies"),
        ('"where do I buy one', "purchase", "sentiment"),
        ("I am off to & stay with Bolt", "leaving", "topics"),
    ]


def test_a_pool_that_may_not_be_used_is_not_opened(folder: Path) -> None:
    (folder / FILES["complaints"]).unlink()
    pools = [pool for _, _, pool in read_intents(folder, labels=folder / "labels.tsv", without={"complaints"})]
    assert pools == ["intents", "replies", "sentiment", "topics"]
    with pytest.raises(BadInput, match=r"cannot read .*complaints/train\.csv"):
        read_intents(folder, labels=folder / "labels.tsv")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("9\tcomplaints\tfault", "line 7: .*complaints/train.csv holds no text with the id '9'"),
        ("7\tcomplaints\trefund", "line 7: intent 'refund' is none of fault, question"),
        ("7\tcomplaints", "line 7: intent '' is none of"),
        ("7\tforum\tfault", "line 7: pool 'forum' is none of complaints, replies"),
    ],
)
def test_a_label_that_cannot_be_right_is_named_by_its_line(folder: Path, line: str, problem: str) -> None:
    labels = folder / "labels.tsv"
    labels.write_text(LABELLED + line + "\n")
    with pytest.raises(BadInput, match=f"{labels}, {problem}"):
        read_intents(folder, labels=labels)


@pytest.mark.parametrize(
    ("pool", "made", "problem"),
    [
        ("replies", '{"id": "k7"\n', "dev.jsonl, line 1: not JSON"),
        ("replies", '{"id": "k7"}\n', "dev.jsonl, line 1: without an id or a mention"),
        ("topics", "id\ttext\n7\tgone\n8\n", "train.tsv, line 3: without an id or a text"),
        ("complaints", 'id,text\n7,"two\nlines"\n8,\n', "train.csv, line 4: without an id or a text"),
    ],
)
def test_a_broken_pool_is_named_by_its_line(folder: Path, pool: str, made: str, problem: str) -> None:
    (folder / FILES[pool]).write_text(made)
    with pytest.raises(BadInput, match=problem):
        read_intents(folder, labels=folder / "labels.tsv")


def test_the_shipped_labels_name_each_text_once_and_carry_no_text() -> None:
    header, *lines = LABELS.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines]
    assert header == "id\tpool\tintent"
    assert len(rows) >= 700
    assert {len(row) for row in rows} == {3}
    assert all(identifier.isalnum() and len(identifier) <= 20 for identifier, _, _ in rows)
    assert len({(pool, identifier) for identifier, pool, _ in rows}) == len(rows)
    assert {pool for _, pool, _ in rows} == set(FILES)
    assert {intent for _, _, intent in rows} == set(INTENTS)


def test_our_own_examples_cover_every_intent_and_are_all_different() -> None:
    own = read_own_intents()
    assert min(Counter(intent for _, intent, _ in own).values()) >= 30
    assert {intent for _, intent, _ in own} == set(INTENTS)
    assert len({text.lower() for text, _, _ in own}) == len(own)
    assert {pool for _, _, pool in own} == {"own"}
