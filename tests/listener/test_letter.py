"""What a mail says is what its author wrote: whatever its charset and its structure, and whoever sent it for them."""

from __future__ import annotations

import random
import time
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage

import pytest

from core.types import Author, Rejected
from tests.listener.letters import ARRIVED, heard, letter, mention, text

HTML = "<html><head><style>p {color: red}</style></head><body><p>It came <b>broken</b>.</p><p>Twice.</p></body></html>"


def built(plain: str | None = None, html: str | None = None, **attached: str) -> EmailMessage:
    """A mail with these bodies and attachments (file names with _ for .)."""
    mail = EmailMessage()
    mail["From"], mail["Subject"], mail["Message-ID"] = "ann@mail.example", "Parcel", "<1@mail.example>"
    if plain is not None:
        mail.set_content(plain)
    if html is not None:
        (mail.add_alternative if plain is not None else mail.set_content)(html, subtype="html")
    for name, content in attached.items():
        mail.add_attachment(content, filename=name.replace("_", "."))
    return mail


def test_a_plain_mail_is_its_subject_and_text() -> None:
    found = mention(letter("My parcel is lost.\n\nPlease help."))
    assert found.text == "Parcel\n\nMy parcel is lost.\n\nPlease help."
    assert (found.platform, found.kind, found.native_id) == ("email", "email", "1@mail.example")
    assert found.author == Author("ann@mail.example", "ann@mail.example", "Ann Example")
    assert found.created_at == datetime(2026, 11, 20, 8, tzinfo=UTC)
    assert (found.reply_to, found.conversation, found.url) == (None, None, None)


def test_without_a_subject_the_text_stands_alone_and_the_other_way_round() -> None:
    assert text(letter(Subject="")) == "My parcel is lost."
    assert text(letter("")) == "Parcel"
    assert text(letter("Parcel lost", Subject="Parcel lost")) == "Parcel lost"


def test_a_mail_that_says_nothing_is_told() -> None:
    assert heard(letter("", Subject="")) == Rejected("mail 1 in INBOX", "it has no subject and no text")


def test_plain_text_is_read_before_html_and_html_without_its_markup() -> None:
    assert text(built("It came broken.", HTML).as_bytes()) == "Parcel\n\nIt came broken."
    assert text(built(html=HTML).as_bytes()) == "Parcel\n\nIt came broken.\n\nTwice."
    assert text(built(" \n", HTML).as_bytes()) == "Parcel\n\nIt came broken.\n\nTwice."


def test_attachments_are_not_what_the_author_says() -> None:
    assert text(built("See the log.", log_txt="secret of the log").as_bytes()) == "Parcel\n\nSee the log."
    mail = built("They wrote this to me.")
    mail.add_attachment(built("You lost, sorry."))
    assert text(mail.as_bytes()) == "Parcel\n\nThey wrote this to me."


@pytest.mark.parametrize(
    ("charset", "said"),
    [
        ("utf-8", "Мой заказ сломан 😡"),
        ("iso-8859-1", "Mein Paket ist beschädigt – “schon wieder”"),
        ("windows-1251", "Мой заказ сломан"),
        ("koi8-r", "Мой заказ сломан"),
        ("iso-2022-jp", "荷物が壊れています"),
        ("shift_jis", "荷物が壊れています"),
        ("gb2312", "我的包裹坏了"),
        ("big5", "我的包裹壞了"),
        ("euc-kr", "소포가 고장났어요"),
        ("iso-8859-8-i", "החבילה שבורה"),
    ],
)
def test_text_is_read_in_the_charset_that_it_names(charset: str, said: str) -> None:
    written_in = {"iso-8859-1": "cp1252", "iso-8859-8-i": "iso-8859-8"}.get(charset, charset)
    head = letter("", Content_Type=f'text/plain; charset="{charset}"', Content_Transfer_Encoding="8bit").encode()
    assert text(head + said.encode(written_in)) == f"Parcel\n\n{said}"


@pytest.mark.parametrize("charset", ["x-unknown", "hex", "punycode", "", 'utf-8; x="', "rot13"])
def test_a_charset_that_is_none_or_wrong_leaves_the_text_readable(charset: str) -> None:
    head = letter("", Content_Type=f"text/plain; charset={charset}").encode()
    assert text(head + "schön kaputt".encode()) == "Parcel\n\nschön kaputt"
    assert text(head + "schön kaputt".encode("cp1252")) == "Parcel\n\nschön kaputt"


def test_one_wrong_byte_does_not_garble_the_rest() -> None:
    head = letter("", Content_Type="text/plain; charset=koi8-r").encode()
    assert "заказ" in text(head + "Мой заказ".encode("koi8-r"))
    head = letter("", Content_Type="text/plain; charset=gb2312").encode()
    assert text(head + "我的包裹坏了".encode("gb2312") + b"\xff") == "Parcel\n\n我的包裹坏了\ufffd"


def test_encoded_headers_are_read() -> None:
    found = mention(
        letter(
            From="=?utf-8?Q?J=C3=B6rg_M=C3=BCller?= <JOERG@Mail.Example>", Subject="=?utf-8?B?S2FwdXR0ZXMgUGFrZXQ=?="
        )
    )
    assert found.author == Author("joerg@mail.example", "joerg@mail.example", "Jörg Müller")
    assert found.text.startswith("Kaputtes Paket\n\n")
    raw = letter(Subject="@", From="@").encode().replace(b"Subject: @", "Subject: schön".encode())
    assert mention(raw.replace(b"From: @", "From: Jörg <j@mail.example>".encode())).author.name == "Jörg"
    assert text(letter(Subject="=?x-nothing?Q?broken_=FF?= =?utf-8?B?not base64?=")).count("\n") == 2


@pytest.mark.parametrize("sender", ["", "(" * 5_000 + "@b", "undisclosed", "<>"])
def test_a_sender_that_cannot_be_read_takes_no_words_from_them(sender: str) -> None:
    found = mention(letter(From=sender))
    assert found.text == "Parcel\n\nMy parcel is lost."
    assert found.author.native_id


def test_a_date_that_is_none_or_lies_ahead_is_the_arrival() -> None:
    for date in ("", "yesterday", "Fri, 20 Nov 2099 09:00:00 +0000", "Thu, 01 Jan 1970 00:00:00 +0000", "20 Nov 2026"):
        assert mention(letter(Date=date)).created_at in (ARRIVED, datetime(2026, 11, 20, tzinfo=UTC))
    assert mention(letter(Date="Fri, 20 Nov 2026 09:00:00")).created_at == datetime(2026, 11, 20, 9, tzinfo=UTC)


def test_threads_are_named_by_the_mails_above() -> None:
    found = mention(letter(References="<1@a> <2@b>\n <3@c>", In_Reply_To="<3@c>", Subject="Re: AW: Re[2]: Parcel"))
    assert (found.conversation, found.reply_to) == ("1@a", "3@c")
    assert found.text.startswith("Parcel\n\n")
    assert mention(letter(In_Reply_To="<3@c>")).reply_to == "3@c"
    assert mention(letter(In_Reply_To="<3@c>")).conversation is None, "the thread that we hold of it is known better"
    assert mention(letter(References="<1@a> <2@b>")).reply_to == "2@b"


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-replied"},
        {"Auto_Submitted": "auto-generated; owner-token=x"},
        {"Precedence": "auto_reply"},
        {"Precedence": "bulk"},
        {"X_Autoreply": "yes"},
        {"Subject": "Automatic reply: Parcel"},
        {"Subject": "Abwesenheitsnotiz: Parcel"},
        {"Content_Type": "multipart/report; report-type=disposition-notification; boundary=b"},
    ],
)
def test_what_a_machine_answers_is_no_mention(header: dict[str, str]) -> None:
    assert heard(letter("I am away until Monday.", 1, **header)) is None


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "no"},
        {"Precedence": "list", "List_Id": "<help.acme.example>"},
        {"Subject": "Out of office hours nobody answers"},
        {"Subject": "Automatic reply"},
    ],
)
def test_what_a_person_sends_by_a_machine_is_a_mention(header: dict[str, str]) -> None:
    assert mention(letter("Broken.", 1, **header)).author.handle == "ann@mail.example"


def test_own_mails_are_no_mentions_but_what_a_group_passes_on_is() -> None:
    assert heard(letter(From="Acme <HELP@acme.example>")) is None
    passed_on = letter(From="Ann via Help <help@acme.example>", X_Original_From="Ann <ann@mail.example>")
    assert mention(passed_on).author == Author("ann@mail.example", "ann@mail.example", "Ann")
    assert mention(letter(From="help@acme.example", Reply_To="ann@mail.example")).author.handle == "ann@mail.example"
    assert (
        mention(letter(From="wordpress@shop.example", Reply_To="ann@mail.example")).author.handle == "ann@mail.example"
    )
    assert mention(letter(Reply_To="other@mail.example")).author.handle == "ann@mail.example"


FORM = """Name: Bob Builder
E-mail: Bob@Mail.Example
Phone: +44 20 7946 0958
Order number: 7
Message:
My parcel is lost.

Note: it was a gift.
"""


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (FORM, "Parcel\n\nMy parcel is lost.\n\nNote: it was a gift."),
        ("You have a new message.\n\n" + FORM, "Parcel\n\nMy parcel is lost.\n\nNote: it was a gift."),
        ("Vorname: Bob\nNachname: Builder\nE-Mail-Adresse: bob@mail.example\nNachricht: Kaputt!", "Parcel\n\nKaputt!"),
        ("Nom : Bob Builder\nCourriel : bob@mail.example\nObjet : Colis\nMessage : Cassé", "Colis\n\nCassé"),
        ("*Name*\nBob Builder\n*Email*\nbob@mail.example\n*Message*\nBroken.\nTwice.", "Parcel\n\nBroken.\nTwice."),
        (
            "From: Bob Builder <bob@mail.example>\nSubject: Lost\n\nMessage Body:\nBroken.\n\n-- \n"
            "This e-mail was sent from a contact form on Acme (https://acme.example)",
            "Lost\n\nBroken.",
        ),
        ("Message: Broken.\nTwice.\nName: Bob Builder\nEmail: bob@mail.example", "Parcel\n\nBroken.\nTwice."),
    ],
)
def test_who_fills_in_a_form_is_the_author(sent: str, said: str) -> None:
    found = mention(letter(sent, From="wordpress@shop.example", Auto_Submitted="auto-generated"))
    assert found.author == Author("bob@mail.example", "bob@mail.example", "Bob Builder")
    assert found.text == said


def test_a_form_in_html_is_read_too() -> None:
    rows = "".join(
        f"<tr><td><strong>{name}</strong></td></tr><tr><td>{value}</td></tr>"
        for name, value in (("Name", "Bob Builder"), ("Email", "bob@mail.example"), ("Message", "Broken."))
    )
    found = mention(built(html=f"<table>{rows}</table>").as_bytes())
    assert (found.author.handle, found.text) == ("bob@mail.example", "Parcel\n\nBroken.")
    cells = "<table><tr><td>Name:</td><td>Bob</td></tr><tr><td>Email:</td><td>bob@mail.example</td></tr>"
    found = mention(built(html=f"{cells}<tr><td>Message:</td><td>Broken.</td></tr></table>").as_bytes())
    assert (found.author.name, found.text) == ("Bob", "Parcel\n\nBroken.")


@pytest.mark.parametrize(
    "sent",
    [
        "Name: Bob\nMessage: Broken.",
        "Email: bob@mail.example\nName: Bob",
        "Hello,\nmy name: is not told.\nMessage me at bob@mail.example",
        "\n" * 3 + "word\n" * 20 + FORM,
    ],
)
def test_what_only_looks_like_a_form_is_anns(sent: str) -> None:
    assert mention(letter(sent)).author.handle == "ann@mail.example"


def test_an_answer_with_a_form_quoted_below_is_anns() -> None:
    assert mention(letter(FORM, In_Reply_To="<0@acme.example>")).author.handle == "ann@mail.example"


def bounce(action: str = "failed", status: str = "5.2.2", sender: str = "help@acme.example") -> str:
    return f"""From: Mail Delivery System <MAILER-DAEMON@mx.example>
To: help@acme.example
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I'm sorry.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example

Final-Recipient: rfc822; ann.smith@mail.example
Action: {action}
Status: {status}
Diagnostic-Code: smtp; 550 {status} that did not work for ann.smith@mail.example

--b
Content-Type: message/rfc822

From: {sender}
To: ann.smith@mail.example
Subject: Your parcel

We are sorry.

--b--
"""


def test_a_mail_of_ours_that_came_back_is_told_with_the_reason_and_without_the_address() -> None:
    found = heard(bounce())
    assert isinstance(found, Rejected)
    assert found.where == "mail 1 in INBOX"
    assert found.reason.endswith("came back (5.2.2): their mailbox is full")
    found = heard(bounce(status="5.1.1"))
    assert isinstance(found, Rejected)
    assert "came back (5.1.1): 5.1.1 smtp; 550 5.1.1 that did not work for" in found.reason
    assert "ann.smith" not in found.reason


def test_a_delay_and_what_others_sent_in_our_name_are_nothing_to_tell() -> None:
    assert heard(bounce(action="delayed")) is None
    assert heard(bounce(sender="spam@elsewhere.example")) is None


def test_a_mail_that_came_back_without_a_report_is_told() -> None:
    old = letter(
        "Hi. This is qmail. ann@mail.example: mailbox full", From="MAILER-DAEMON@mx.example", Subject="failure notice"
    )
    assert heard(old) == Rejected("mail 1 in INBOX", "a mail of ours came back: their mailbox is full")


def test_broken_mails_end_nothing() -> None:
    """Cut, shuffled and overwritten, a mail is a mention, or told, or nothing; it never raises."""
    chance = random.Random(20261122)
    seeds = [built("It came broken.", HTML, log_txt="x").as_bytes(policy=policy.SMTP), bounce().encode(), FORM.encode()]
    seeds.append(letter(From="=?utf-8?Q?J=C3=B6rg?= <j@mail.example>", References="<1@a> <2@b>").encode())
    kinds = set[str]()
    for _ in range(1_500):
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 8)):
            at, length = chance.randrange(len(raw)), chance.randrange(1, 30)
            match chance.randrange(4):
                case 0:
                    raw[at : at + length] = chance.randbytes(length)
                case 1:
                    del raw[at : at + length]
                case 2:
                    raw[at:at] = chance.choice(
                        (b"\0", b"\n\n", b"=?", b"\xff\xfe", b'"', b"--b", b"; charset=", b"(" * 50)
                    )
                case _:
                    raw += raw[at : at + length]
            raw = raw or bytearray(b"\n")
        kinds.add(type(heard(bytes(raw))).__name__)
    assert kinds == {"Mention", "Rejected", "NoneType"}


@pytest.mark.parametrize(
    "raw",
    [
        "Content-Type: multipart/mixed; boundary=b\n\n" + "--b\nContent-Type: multipart/mixed; boundary=b\n\n" * 5_000,
        "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(400)),
        letter(From="(" * 100_000, References="<" * 100_000, Subject="=?" * 50_000),
        letter("On " * 100_000 + "\n" + "On 1:1 " * 50 + "\n" * 100_000 + ">" * 100_000),
        letter("Name: " + "a" * 200_000 + "\nEmail:" + "a@" * 100_000 + "\nMessage: x"),
        letter("<div class=" * 50_000, Content_Type="text/html"),
        letter("\n".join(["From: x"] * 60_000)),
    ],
    ids=["nested", "nested apart", "headers", "quotes", "form", "html", "header block"],
)
def test_a_hostile_mail_costs_no_more_than_a_long_one(raw: str) -> None:
    begun = time.process_time()
    heard(raw)
    assert time.process_time() - begun < 5
