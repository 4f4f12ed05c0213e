"""What is quoted below, and the signature, is cut from a mail; what the author wrote now is not."""

from __future__ import annotations

import pytest

from listener.markup import plain_text
from listener.sources.email.quoting import cut, cut_markup

SAID = "Still broken.\n\nWhat now?"


@pytest.mark.parametrize(
    "below",
    [
        "On Fri, Nov 20, 2026 at 10:00 AM Acme <help@acme.example> wrote:\n> We are sorry.\n>\n> Acme",
        "On Fri, 20 Nov 2026 at 10:00, Acme Support\n<help@acme.example> wrote:\n\n> We are sorry.",
        "On Fri, Nov 20, 2026 at 10:00 AM Acme <help@acme.example> wrote:\nWe are sorry.\nAcme",
        "Am 20.11.2026 um 10:00 schrieb Acme <help@acme.example>:\n> Es tut uns leid.",
        "Am Fr., 20. Nov. 2026 um 10:00 Uhr schrieb Acme <\nhelp@acme.example>:\n\n> Es tut uns leid.",
        "Le ven. 20 nov. 2026 à 10:00, Acme <help@acme.example> a écrit :\n\n> Désolé.",
        "El vie, 20 nov 2026 a las 10:00, Acme (<help@acme.example>) escribió:\n> Lo sentimos.",
        "Il giorno ven 20 nov 2026 alle ore 10:00 Acme <help@acme.example> ha scritto:\n> Spiacenti.",
        "Op vr 20 nov 2026 om 10:00 schreef Acme <help@acme.example>:\n> Sorry.",
        "Em sex., 20 de nov. de 2026 às 10:00, Acme <help@acme.example> escreveu:\n> Desculpe.",
        "-----Original Message-----\nFrom: Acme\nSent: Friday\nTo: Ann\nSubject: Parcel\n\nWe are sorry.",
        "-----Ursprüngliche Nachricht-----\nVon: Acme\n\nEs tut uns leid.",
        "From: Acme <help@acme.example>\nSent: Friday, November 20, 2026\nTo: Ann\nSubject: Parcel\n\nWe are sorry.",
        "________________\nVon: Acme <a@b.example>\nGesendet: Freitag\nAn: Ann\nBetreff: Paket\n\nUps.",
        "*De :* Acme\n*Envoyé :* vendredi\n*À :* Ann\n*Objet :* Colis\n\nDésolé.",
        "-- \nAnn Example\nHead of Parcels\n+44 20 7946 0958",
        "--\nAnn Example",
        "Sent from my iPhone",
        "Von meinem iPhone gesendet",
        "Get Outlook for iOS<https://aka.ms/o0ukef>\n________________\nFrom: Acme\nSent: x\nTo: Ann\nSubject: y",
    ],
)
def test_it_is_cut(below: str) -> None:
    assert cut(f"{SAID}\n\n{below}\n") == SAID


@pytest.mark.parametrize(
    "said",
    [
        "On 3 November your agent wrote:\nwe will send a new one.\nIt never came.",
        "From: my home\nto: your shop\nit took two hours.",
        "I paid:\n--\n10 for one\n" + "20 for another\n" * 20 + "and all of them broke.",
        "He wrote me on Monday at 10:00: no refund.",
        "Sent from my home last week, the parcel is lost.\nWhere is it?",
        "3 > 2, and yet I paid for 3.",
    ],
)
def test_what_only_looks_like_it_stays(said: str) -> None:
    assert cut(said) == said.strip()


def test_answers_between_the_quoted_lines_stay() -> None:
    mixed = "On Fri, 20 Nov 2026 at 10:00, Acme <help@acme.example> wrote:\n> What broke?\nThe lid.\n> When?\nToday."
    assert cut(mixed) == "The lid.\nToday."


def test_a_forwarded_mail_stays_whole_below_its_mark() -> None:
    forwarded = (
        "See below.\n\n---------- Forwarded message ---------\nFrom: Ann <ann@mail.example>\nDate: Fri\n"
        "Subject: Parcel\nTo: help@acme.example\n\nIt is lost."
    )
    assert cut(forwarded) == forwarded


def test_all_that_is_quoted_leaves_nothing() -> None:
    assert cut("> We are sorry.\n> Acme") == ""


@pytest.mark.parametrize(
    "quote",
    [
        '<div class="gmail_quote gmail_quote_container"><div class="gmail_attr">On Fri wrote:</div>We are sorry.</div>',
        '<div id="appendonsend"></div><hr><div id="divRplyFwdMsg"><b>From:</b> Acme</div><div>We are sorry.</div>',
        '<blockquote type="cite">We are sorry.</blockquote>',
        "<div class='moz-cite-prefix'>On Fri wrote:</div><blockquote>We are sorry.</blockquote>",
        '<div class="yahoo_quoted">We are sorry.</div>',
        '<div dir="ltr" class="gmail_signature">Ann Example</div>',
    ],
)
def test_a_quote_in_html_is_cut_by_its_mark(quote: str) -> None:
    assert plain_text(cut_markup(f"<div>Still broken.</div>{quote}")) == "Still broken."


def test_an_answer_below_a_quote_in_html_stays() -> None:
    page = '<html><head><title>x</title></head><body><blockquote type="cite">Sorry.</blockquote><p>Broken.</p></body>'
    assert "Broken." in plain_text(cut_markup(page))
