"""A mailbox is heard whole, in order and without a trace in it; what is wrong with it is said in words."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from sqlalchemy import select

from core import tables
from core.clock import HeldClock
from core.errors import BadInput, GiveUp, RetryLater
from core.runtime import Runtime
from core.settings import Settings
from core.types import Page
from listener.canary import LOST_AFTER, late, send_due
from listener.matching import BrandMatcher
from listener.source import Context
from listener.sources.email import MAX_MAIL, PAGE_MAILS, Email
from listener.step import step
from tests import loopback
from tests.listener import made
from tests.listener.emulators import email as emulated
from tests.listener.emulators.email import BEGUN, Post
from tests.listener.letters import letter
from tests.loopback import Answer, Asked

PATIENT, HASTY = (20.0, 60.0), (0.3, 0.6)
"""Seconds for one answer of a server, and for all of them."""


@pytest.fixture
def post() -> Post:
    return Post()


@pytest.fixture
def server(post: Post) -> Iterator[dict[str, str]]:
    with emulated.imap(post) as settings:
        yield settings


@pytest.fixture
def clock() -> HeldClock:
    return HeldClock()


def mailbox(
    settings: dict[str, Any], clock: HeldClock | None = None, patience: tuple[float, float] = PATIENT, **more: str
) -> Email:
    return Email(Context(settings | more, Settings(), clock or HeldClock()), *patience)


def whole(source: Email, cursor: str | None = None) -> tuple[list[str], str | None]:
    """The ids of all that is there, and the cursor after them."""
    ids, page = list[str](), Page(cursor=cursor, more=True)
    for _ in range(100):
        page = source.fetch(page.cursor)
        ids += [one.native_id for one in page.mentions]
        if not page.more:
            return ids, page.cursor
    raise AssertionError("there is always more")


def test_mails_come_in_order_once_and_nothing_is_marked(post: Post, server: dict[str, str]) -> None:
    for number in range(3):
        post.deliver(letter(number=number))
    source = mailbox(server)
    ids, cursor = whole(source)
    assert ids == ["0@mail.example", "1@mail.example", "2@mail.example"]
    assert whole(source, cursor) == ([], cursor)
    post.deliver(letter(number=3))
    assert whole(mailbox(server), cursor)[0] == ["3@mail.example"]
    assert not [one for one in post.asked if one.startswith(("SELECT", "UID STORE")) or "BODY[" in one]


def test_a_new_source_begins_so_many_days_back(post: Post, server: dict[str, str], clock: HeldClock) -> None:
    for days in (40, 10, 6):
        post.deliver(letter(number=days), at=clock.now() - timedelta(days=days))
    assert whole(mailbox(server))[0] == ["6@mail.example"]
    assert whole(mailbox(server, days="30"))[0] == ["10@mail.example", "6@mail.example"]


def test_several_folders_are_read_and_a_mail_in_two_of_them_is_one(post: Post, server: dict[str, str]) -> None:
    post.deliver(letter(number=1))
    post.deliver(letter(number=1), "Complaints")
    post.deliver(letter(number=2), "Complaints")
    ids, cursor = whole(mailbox(server, folders="INBOX, Complaints"))
    assert ids == ["1@mail.example", "1@mail.example", "2@mail.example"]
    assert whole(mailbox(server, folders="INBOX, Complaints"), cursor)[0] == []


def test_a_folder_named_in_another_script_is_found(post: Post, server: dict[str, str]) -> None:
    post.deliver(letter(), "Entw&APw-rfe")
    assert whole(mailbox(server, folders="Entwürfe"))[0] == ["1@mail.example"]


def test_a_folder_that_is_not_there_pauses_and_names_those_that_are(post: Post, server: dict[str, str]) -> None:
    with pytest.raises(GiveUp, match=r"folders: there is no 'Inbax'; there are: INBOX"):
        mailbox(server, folders="Inbax").fetch(None)


def test_numbered_anew_everything_is_read_again_under_the_same_ids(post: Post, server: dict[str, str]) -> None:
    for number in range(3):
        post.deliver(letter(number=number))
    before, cursor = whole(mailbox(server))
    post.renumber()
    post.deliver(letter(number=3))
    after, _ = whole(mailbox(server), cursor)
    assert after == [*before, "3@mail.example"]


def test_a_mail_that_has_no_id_keeps_one_of_its_own_making(post: Post, server: dict[str, str]) -> None:
    post.deliver(letter(Message_ID=""))
    before, cursor = whole(mailbox(server))
    post.renumber()
    assert whole(mailbox(server), cursor)[0] == before
    assert before[0].startswith("sha256:")


def test_more_mails_than_fit_a_page_are_read_on_one_connection(post: Post, server: dict[str, str]) -> None:
    for number in range(2 * PAGE_MAILS + 1):
        post.deliver(letter(number=number))
    source = mailbox(server)
    page = source.fetch(None)
    assert (len(page.mentions), page.more, page.events) == (PAGE_MAILS, True, {"mails": PAGE_MAILS})
    ids, _ = whole(source, page.cursor)
    assert len(ids) == PAGE_MAILS + 1
    assert post.connections == 1


def test_of_a_large_mail_only_the_beginning_is_read(post: Post, server: dict[str, str]) -> None:
    post.deliver(letter("It came broken.\n" + "x" * 60 + "\n" + "y" * (3 * MAX_MAIL)))
    page = mailbox(server).fetch(None)
    assert page.mentions[0].text.startswith("Parcel\n\nIt came broken.")
    assert len(page.mentions[0].text) <= MAX_MAIL


def test_a_mail_that_the_server_cannot_give_is_told_and_the_next_is_read(post: Post, server: dict[str, str]) -> None:
    for number in range(3):
        post.deliver(letter(number=number))
    post.folders["INBOX"].refused = {2}
    source = mailbox(server)
    page = source.fetch(None)
    assert [one.native_id for one in page.mentions] == ["0@mail.example", "2@mail.example"]
    assert [(one.where, one.reason) for one in page.rejected] == [
        ("mail 2 in INBOX", "127.0.0.1 lists it but does not give it")
    ]
    assert whole(source, page.cursor)[0] == []


def test_one_left_out_of_an_answer_is_asked_for_again(post: Post, server: dict[str, str]) -> None:
    for number in range(3):
        post.deliver(letter(number=number))
    post.faults.append("one left out")
    assert len(whole(mailbox(server))[0]) == 3


def test_a_wrong_password_pauses_in_the_servers_words(post: Post, server: dict[str, str]) -> None:
    with pytest.raises(GiveUp, match=r"does not let us in: \[AUTHENTICATIONFAILED\] Invalid credentials"):
        mailbox(server, password="wrong").fetch(None)


@pytest.mark.parametrize("fault", ["throttled", "too many connections", "bye at login"])
def test_a_server_that_is_busy_is_tried_later(post: Post, server: dict[str, str], fault: str) -> None:
    post.faults.append(fault)
    post.deliver(letter())
    source = mailbox(server)
    with pytest.raises(RetryLater):
        source.fetch(None)
    assert whole(source)[0] == ["1@mail.example"]


def test_a_password_beyond_ascii_gets_in(post: Post, server: dict[str, str]) -> None:
    post.password = "sesam öffne dich"
    post.deliver(letter())
    assert whole(mailbox(server, password=post.password))[0] == ["1@mail.example"]


@pytest.mark.parametrize("fault", ["silent greeting", "examine hangs", "fetch hangs", "drips"])
def test_no_answer_is_waited_for_in_vain(post: Post, server: dict[str, str], fault: str) -> None:
    post.faults.append(fault)
    post.deliver(letter())
    with pytest.raises(RetryLater, match=r"took longer than|timed out|cannot read"):
        mailbox(server, patience=HASTY).fetch(None)


def test_closing_ends_a_fetch_that_waits(post: Post, server: dict[str, str]) -> None:
    post.faults.append("fetch hangs")
    post.deliver(letter())
    source, ended = mailbox(server), list[Exception]()

    def fetch() -> None:
        try:
            source.fetch(None)
        except RetryLater as error:
            ended.append(error)

    thread = threading.Thread(target=fetch)
    thread.start()
    while not any("FETCH" in one for one in post.asked):
        thread.join(0.01)
    source.close()
    thread.join(10)
    assert len(ended) == 1


def test_a_mailbox_that_fills_up_is_told_once_a_day(post: Post, server: dict[str, str], clock: HeldClock) -> None:
    post.quota = (93, 100)
    source = mailbox(server, clock)
    page = source.fetch(None)
    assert [one.reason for one in page.rejected] == ["it is 93% full: make room before mails are refused"]
    post.deliver(letter())
    page = source.fetch(page.cursor)
    assert (len(page.mentions), page.rejected) == (1, ())
    clock.advance(86_400)
    assert len(source.fetch(page.cursor).rejected) == 1
    post.quota = (80, 100)
    assert source.fetch(page.cursor).rejected == ()


def test_a_full_mailbox_is_read_to_its_end_and_then_waits_for_a_person(post: Post, server: dict[str, str]) -> None:
    post.quota = (100, 100)
    post.deliver(letter())
    source = mailbox(server)
    page = source.fetch(None)
    assert len(page.mentions) == 1
    with pytest.raises(RetryLater, match=r"the mailbox is full \(100%\)"):
        source.fetch(page.cursor)


def test_access_says_whose_it_is_how_much_is_in_it_and_how_full_it_is(post: Post, server: dict[str, str]) -> None:
    post.quota = (95, 100)
    post.deliver(letter())
    found = mailbox(server).access()
    assert found.account == "help@acme.example"
    assert found.may == ("read INBOX (1 mails)", "take new mails: 95% of its room is used")
    assert "hear anything more once that is full: make room" in found.may_not
    with pytest.raises(GiveUp, match="does not let us in"):
        mailbox(server, password="wrong").access()


def test_own_mails_are_no_mentions(post: Post, server: dict[str, str]) -> None:
    post.deliver(letter(From="Acme <Help@acme.example>"))
    post.deliver(letter(From="sales@acme.example", number=2))
    assert whole(mailbox(server))[0] == ["2@mail.example"]
    assert whole(mailbox(server, address="sales@acme.example"))[0] == ["1@mail.example"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("imap_host", "imap.example.com/x"),
        ("imap_port", "0"),
        ("imap_port", "99999"),
        ("days", "-1"),
        ("security", "ssl"),
        ("address", "Ann <ann@mail.example>"),
        ("user", "ann\r\nLOGOUT"),
        ("smtp_host", "a b"),
    ],
)
def test_a_wrong_setting_is_named(name: str, value: str) -> None:
    given = {"imap_host": "imap.example.com", "user": "a@b.example", "password": "x"}
    with pytest.raises(BadInput, match=f"^{name}: "):
        mailbox(given | {name: value})


def test_a_password_never_goes_readable_to_another_machine() -> None:
    with pytest.raises(BadInput, match=r"^security: none is only for a server on this machine"):
        mailbox({"imap_host": "imap.example.com", "user": "a@b.example", "password": "x", "security": "none"})


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A file with key and certificate of localhost, signed by itself."""
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test")])
    begun = datetime(2020, 1, 1, tzinfo=UTC)
    made_out = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    made_out = made_out.not_valid_before(begun).not_valid_after(begun + timedelta(days=36_500))
    made_out = made_out.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
    signed = made_out.sign(key, hashes.SHA256())
    file = tmp_path / "localhost.pem"
    plain = serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    file.write_bytes(private + signed.public_bytes(serialization.Encoding.PEM))
    return file


@pytest.mark.parametrize("tls", [True, False], ids=["tls", "starttls"])
def test_the_password_goes_only_to_a_server_that_proves_who_it_is(
    post: Post, certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: bool
) -> None:
    post.deliver(letter())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with emulated.imap(post, context, tls=tls) as server:
        with pytest.raises(GiveUp, match="localhost cannot prove that it is localhost: self"):
            mailbox(server).fetch(None)
        assert "LOGIN" not in post.asked
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        assert whole(mailbox(server))[0] == ["1@mail.example"]


def test_a_canary_goes_out_by_smtp_and_comes_back_by_imap(
    post: Post, server: dict[str, str], sqlite_runtime: Runtime, clock: HeldClock
) -> None:
    clock.advance((BEGUN - clock.now()).total_seconds())
    with emulated.smtp(post) as outgoing:
        source = mailbox(server | outgoing, clock)
        brand_id = made.brand(sqlite_runtime)
        source_id = made.source(sqlite_runtime, "email", brand_id=brand_id)
        with sqlite_runtime.db.read() as db:
            row, matcher = db.get_one(tables.Source, source_id), BrandMatcher.load(db)
        assert send_due(sqlite_runtime, row, source)
        post.deliver(letter())
        done = step(sqlite_runtime, source_id, source, matcher, clock.now())
    assert (done.failed, done.collected.new) == (False, 1)
    with sqlite_runtime.db.read() as db:
        (canary,) = db.scalars(select(tables.Canary))
        assert canary.seen_at is not None
        assert late(db, clock.now() + 2 * LOST_AFTER) == []


def test_a_canary_that_the_server_does_not_take_says_why(post: Post, server: dict[str, str]) -> None:
    with emulated.smtp(post) as outgoing:
        with pytest.raises(GiveUp, match=r"127.0.0.1 answers 535: 5.7.8 wrong name or password"):
            mailbox(server | outgoing, password="wrong").send_canary("t")
        with pytest.raises(GiveUp, match=r"127.0.0.1 answers 550: 5.1.1 nobody of that name"):
            mailbox(server | outgoing, address="other@acme.example").send_canary("t")
    with pytest.raises(RetryLater, match=r"127.0.0.1 cannot be reached"):
        mailbox(server | outgoing).send_canary("t")


class Microsoft:
    """Where tokens come from: for the right secret, until it is said that they do not."""

    def __init__(self) -> None:
        self.status, self.tokens = 200, 0

    def __call__(self, asked: Asked) -> Answer:
        given = {name: value for name, (value,) in parse_qs(asked.body.decode()).items()}
        assert asked.path == "/acme.example/oauth2/v2.0/token"
        assert (given["grant_type"], given["scope"]) == ("client_credentials", "https://outlook.office365.com/.default")
        if (given["client_id"], given["client_secret"]) != ("3f1e", "s3cret"):
            said = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret.\r\nTrace: 1"}
            return Answer(401, json.dumps(said).encode())
        self.tokens += 1
        return Answer(self.status, json.dumps({"access_token": "a token", "expires_in": 3599}).encode())


@pytest.fixture
def microsoft() -> Iterator[tuple[Microsoft, Settings]]:
    answers = Microsoft()
    with loopback.http(answers) as server:
        yield answers, Settings(microsoft_login_url=server.url)


APP = {"tenant": "acme.example", "client_id": "3f1e", "password": "s3cret"}


def test_a_mailbox_of_microsoft_is_read_with_a_token_that_is_renewed(
    post: Post, server: dict[str, str], microsoft: tuple[Microsoft, Settings], clock: HeldClock
) -> None:
    answers, process = microsoft
    post.deliver(letter())
    source = Email(Context(server | APP, process, clock), *PATIENT)
    ids, cursor = whole(source)
    assert (ids, answers.tokens) == (["1@mail.example"], 1)
    clock.advance(3_000)
    assert (whole(source, cursor)[0], answers.tokens) == ([], 1)
    clock.advance(600)
    assert (whole(source, cursor)[0], answers.tokens) == ([], 2)
    with emulated.smtp(post) as outgoing:
        Email(Context(server | APP | outgoing, process, clock), *PATIENT).send_canary("t")
    assert len(post.folders["INBOX"].mails) == 2


def test_what_microsoft_says_pauses_or_waits(
    post: Post, server: dict[str, str], microsoft: tuple[Microsoft, Settings]
) -> None:
    answers, process = microsoft
    wrong = Email(Context(server | APP | {"password": "old"}, process, HeldClock()), *PATIENT)
    with pytest.raises(GiveUp, match=r"answered 401 Unauthorized: AADSTS7000215: Invalid client secret\.$"):
        wrong.fetch(None)
    answers.status = 503
    with pytest.raises(RetryLater, match="answered 503"):
        Email(Context(server | APP, process, HeldClock()), *PATIENT).fetch(None)
    answers.status, post.token = 200, "another token"
    source = Email(Context(server | APP, process, HeldClock()), *PATIENT)
    with pytest.raises(GiveUp, match="does not let us in"):
        source.fetch(None)
    nowhere = Settings(microsoft_login_url="http://127.0.0.1:9")
    with pytest.raises(RetryLater, match="cannot be reached"):
        Email(Context(server | APP, nowhere, HeldClock()), *PATIENT).fetch(None)


@pytest.mark.parametrize(("name", "value"), [("tenant", "a/b"), ("tenant", ""), ("client_id", "")])
def test_an_app_of_microsoft_is_named_whole(server: dict[str, str], name: str, value: str) -> None:
    with pytest.raises(BadInput, match=f"^{name}: "):
        mailbox(server | APP | {name: value})


def test_without_an_smtp_server_no_canary_is_sent(server: dict[str, str]) -> None:
    assert not mailbox(server).can_send_canary()
    assert mailbox(server, smtp_host="localhost").can_send_canary()
