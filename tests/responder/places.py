"""Every platform that replies go out to, on 127.0.0.1, with what can befall the request that publishes one.

A `Place` has a source that is set up to reply there, posts to answer, and tells which replies stand under each.
"""

from __future__ import annotations

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select

from core import waiting
from core.clock import HeldClock
from core.runtime import Runtime
from core.secrets import seal
from core.settings import Settings
from core.tables import Author, Brand, Case, CaseMention, Mention, Reply, Source
from core.types import Outgoing
from listener.source import Context, Replier, load, load_replier
from tests import loopback
from tests.listener.emulators import bluesky, email, mastodon, reddit, x, youtube
from tests.listener.emulators.faults import HANG, bad_gateway, cut, half, too_many
from tests.loopback import Answer, Asked, Script

KINDS = ("bluesky", "email", "files", "mastodon", "reddit", "x", "youtube")

Fault = Callable[[Script, Asked], Answer]


def before(answer: Answer) -> Fault:
    """The request is answered so, and publishes nothing."""
    return lambda honest, asked: answer


def after(change: Callable[[Answer], Answer]) -> Fault:
    """The request publishes, and its answer is changed."""
    return lambda honest, asked: change(honest(asked))


def closed_before(honest: Script, asked: Asked) -> Answer:
    """The connection ends before anything is published."""
    raise ConnectionResetError


def closed_after(honest: Script, asked: Asked) -> Answer:
    """The connection ends when it is published, without an answer."""
    honest(asked)
    raise ConnectionResetError


FAULTS: Mapping[str, Fault] = {
    "429": before(too_many(Answer())),
    "503 before": before(Answer(503)),
    "refused": before(Answer(403, b'{"error": "not allowed", "message": "not allowed"}')),
    "closed before": closed_before,
    "503 after": after(lambda answer: Answer(503)),
    "502 after": after(bad_gateway),
    "cut after": after(cut),
    "half after": after(half),
    "closed after": closed_after,
}
_OF_MAIL = {
    "killed after": "killed",
    "hangs": "hangs",
    "429": "refused",
    "503 before": "refused",
    "refused": "refused",
    "closed before": "cut before",
}
"""Of e-mail: what comes nearest; every other fault comes after the mail was taken."""


@dataclass(slots=True)
class Place:
    """See the module. `faults` befall the next publishing requests, one each."""

    kind: str
    process: Settings
    settings: dict[str, object]
    account: str | None
    text: str
    post: Callable[[int], dict[str, object]]
    replies: Callable[[str], list[str]]
    faults: deque[str] = field(default_factory=deque)
    writes: list[Asked] = field(default_factory=list)
    site: object = None
    made: list[Replier] = field(default_factory=list)
    kill: Callable[[], None] = lambda: None

    def replier(self, clock: HeldClock, *more: float, **settings: object) -> Replier:
        """One that replies here."""
        kind = load_replier(self.kind)
        assert kind is not None
        context = Context(self.settings | settings, self.process, clock, source_id=1, account=self.account)
        self.made.append(kind(context, *more))
        return self.made[-1]

    def outgoing(self, number: int, clock: HeldClock, **more: object) -> Outgoing:
        """A reply to one of the posts."""
        post = self.post(number)
        given = {
            "key": f"{number:032x}",
            "platform": self.kind,
            "mention_id": post["native_id"],
            "mention_url": None,
            "text": self.text.format(number=number),
            "account": self.account or "",
            "approved_by": "Ana",
            "author_id": post["author_id"],
            "author_handle": post["handle"],
            "mention_at": clock.now(),
            "extra": post.get("extra", {}),
            "dated": clock.now(),
            "began_at": clock.now(),
        }
        return Outgoing(**(given | more))  # type: ignore[arg-type]

    def approved(self, runtime: Runtime, number: int) -> int:
        """The id of a reply to one of the posts, approved and waiting to go out."""
        now, post = runtime.clock.now(), self.post(number)
        handle = str(post["handle"])
        with runtime.db.write() as db:
            brand = db.scalar(select(Brand)) or Brand(slug="acme", name="Acme", created_at=now)
            source = db.scalar(select(Source)) or self.source(runtime)
            author = db.scalar(select(Author).where(Author.native_id == post["author_id"]))
            author = author or Author(platform=self.kind, native_id=str(post["author_id"]), handle=handle)
            mention = Mention(
                platform=self.kind,
                native_id=str(post["native_id"]),
                text=str(post.get("text") or "@acme lost my parcel"),
                extra=post.get("extra", {}),
                created_at=now,
                heard_at=now,
                source=source,
                author=author,
            )
            case = Case(mention=mention, brand=brand, state="approved", permission="api", permission_why="")
            case.opened_at = case.changed_at = now
            case.mentions = [CaseMention(mention=mention, why="its own", joined_at=now)]
            reply = Reply(case=case, turn=1, key=f"{number:032x}", text=self.text.format(number=number), account="")
            reply.via, reply.approved_at = self.kind, now
            db.add(reply)
            db.flush()
            case.author_id = author.id
            waiting.add(db, runtime.clock, "post", [reply.id])
            return reply.id

    def source(self, runtime: Runtime) -> Source:
        """The source's row, with its secrets encrypted."""
        secret = {one.name for one in load(self.kind).fields if one.secret}
        return Source(
            kind=self.kind,
            name=self.kind,
            settings={name: value for name, value in self.settings.items() if name not in secret},
            credentials=seal(
                runtime.settings, {name: str(value) for name, value in self.settings.items() if name in secret}
            ),
            account=self.account,
            created_at=runtime.clock.now(),
        )

    def answering(self, honest: Script, *writes: str) -> Script:
        """The site's answers; those to requests that publish, with faults."""

        def answering(asked: Asked) -> Answer:
            if asked.method != "POST" or asked.path not in writes:
                return honest(asked)
            self.writes.append(asked)
            fault = self.faults.popleft() if self.faults else ""
            answer = honest(asked) if fault in ("killed after", "hangs") else Answer()
            if fault.startswith("killed"):
                self.kill()
                raise ConnectionResetError
            if fault == "hangs":
                threading.Event().wait(HANG)
                return answer
            return FAULTS[fault](honest, asked) if fault else honest(asked)

        return answering


@contextmanager
def place(kind: str, process: Settings, clock: HeldClock) -> Iterator[Place]:
    """Run one of KINDS; its repliers are closed in the end."""
    with ExitStack() as stack:
        running = _PLACES[kind](stack, process, clock)
        try:
            yield running
        finally:
            for one in running.made:
                one.close()


def _pointed(process: Settings, **urls: str) -> Settings:
    return process.model_copy(update=urls)


def _mastodon(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    site = mastodon.Server(clock=clock)

    posted = dict[int, dict[str, Any]]()

    def post(number: int) -> dict[str, object]:
        one = posted.setdefault(number, mastodon.status(number, clock.now()))
        site.statuses[one["id"]] = one
        extra = {"server": urlsplit(site.url).netloc, "id": one["id"]}
        return {"native_id": one["uri"], "author_id": "ann", "handle": "ann@far.example", "extra": extra}

    def replies(native_id: str) -> list[str]:
        (parent,) = (one["id"] for one in site.statuses.values() if one["uri"] == native_id)
        return [re.sub(r"<[^>]*>", "", one["content"]) for one in site.ours if one["in_reply_to_id"] == parent]

    made = Place("mastodon", process, {"token": mastodon.TOKEN}, "@acme_care@town.example", "", post, replies)
    made.text = "@ann@far.example Sorry! We look into it, no. {number}: https://acme.example/help"
    site.url = stack.enter_context(loopback.http(made.answering(site.answer, "/api/v1/statuses"))).url
    made.process, made.site = _pointed(process, mastodon_url=site.url), site
    made.settings["server"] = site.url
    return made


def _bluesky(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    site = bluesky.Server()

    def post(number: int) -> dict[str, object]:
        if not any(one["uri"] == bluesky.uri(number) for one in site.posts):
            site.show(number, int(clock.now().timestamp() * 1e6))
        return {"native_id": bluesky.uri(number), "author_id": "did:plc:ann", "handle": "ann.bsky.social"}

    def replies(native_id: str) -> list[str]:
        values = [one["value"] for one in site.records.values()]
        return [one["text"] for one in values if one["reply"]["parent"]["uri"] == native_id]

    given: dict[str, object] = {"handle": bluesky.HANDLE, "app_password": bluesky.PASSWORD, "answer": "everybody"}
    made = Place("bluesky", process, given, f"@{bluesky.HANDLE}", "Sorry, no. {number}! 🙏", post, replies)
    url = stack.enter_context(loopback.http(made.answering(site.answer, "/xrpc/com.atproto.repo.putRecord"))).url
    made.process, made.site = _pointed(process, bluesky_api_url=url), site
    return made


def _reddit(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    site = reddit.Site(clock=clock)

    def post(number: int) -> dict[str, object]:
        return {"native_id": f"t1_p{number:x}", "author_id": f"t2_ann{number}", "handle": f"ann{number}"}

    def replies(native_id: str) -> list[str]:
        return [one["body"] for one in site.ours if one["parent_id"] == native_id]

    given: dict[str, object] = {**reddit.KEYS, "approved": "yes"}
    made = Place("reddit", process, given, "u/acme_care", "Sorry, no. {number} & thanks!", post, replies)
    url = stack.enter_context(loopback.http(made.answering(site.answer, "/api/comment"))).url
    made.process, made.site = _pointed(process, reddit_url=url, reddit_oauth_url=url), site
    return made


def _x(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    site, posted = x.X(clock), dict[int, str]()

    def post(number: int) -> dict[str, object]:
        posted[number] = posted.get(number) or site.post("@acme lost my parcel", f"ann{number}")
        return {"native_id": posted[number], "author_id": f"4{number}", "handle": f"ann{number}"}

    def replies(native_id: str) -> list[str]:
        own = [one for one in site.posts.values() if one["username"] == "acme"]
        return [one["text"] for one in own if one["referenced_tweets"][0]["id"] == native_id]

    given: dict[str, object] = {"bearer_token": x.TOKEN, "accounts": "acme", "reply_as": "acme", **x.USER}
    made = Place("x", process, given, "@acme", "Sorry, no. {number}: https://acme.example/help", post, replies)
    url = stack.enter_context(loopback.http(made.answering(site.answer, "/2/tweets"))).url
    made.process, made.site = _pointed(process, x_api_url=url), site
    return made


def _youtube(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    site = youtube.Site(clock=clock)

    def post(number: int) -> dict[str, object]:
        name = f"Ugx-comment-number-{number:07}"
        if site.thread(name) is None:
            site.post(youtube.VIDEO, youtube.comment(name, clock.now().timestamp()))
        return {"native_id": name, "author_id": f"UC-ann{number}", "handle": "ann", "extra": {"video": youtube.VIDEO}}

    def replies(native_id: str) -> list[str]:
        thread = site.thread(native_id)
        return [one["snippet"]["textOriginal"] for one in thread.replies] if thread else []

    given: dict[str, object] = {"api_key": youtube.KEY, "videos": youtube.VIDEO, **youtube.SIGNED_IN}
    made = Place("youtube", process, given, "@acme", "Sorry, no. {number}!", post, replies)
    url = stack.enter_context(loopback.http(made.answering(site.answer, "/comments"))).url
    made.process, made.site = _pointed(process, youtube_api_url=url, google_token_url=f"{url}/token"), site
    return made


class _MailFaults(deque[str]):
    """Faults in the words of the mail server, which takes them one by one."""

    def append(self, fault: str, /) -> None:
        super().append(_OF_MAIL.get(fault, "taken"))


def _email(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    post_office = email.Post(smtp_faults=_MailFaults())
    post_office.folders["Sent"] = email.Folder()

    def post(number: int) -> dict[str, object]:
        address = f"ann{number}@mail.example"
        extra = {"subject": f"Parcel {number}", "references": ["first@mail.example"]}
        return {"native_id": f"{number}@mail.example", "author_id": address, "handle": address, "extra": extra}

    def replies(native_id: str) -> list[str]:
        mails = [message_from_bytes(raw, policy=policy.default) for raw in post_office.sent]
        return [
            one.get_content().replace("\r\n", "\n").rstrip("\n")
            for one in mails
            if one["In-Reply-To"] == f"<{native_id}>"
        ]

    given: dict[str, object] = {**stack.enter_context(email.imap(post_office)), "password": post_office.password}
    given |= stack.enter_context(email.smtp(post_office))
    made = Place("email", process, given, post_office.user, "Sorry, no. {number}.\n.\nYour Acme ✓", post, replies)
    made.faults, made.site = post_office.smtp_faults, post_office
    post_office.on_sent = lambda: made.kill()  # noqa: PLW0108 - as it is by then
    return made


def _files(stack: ExitStack, process: Settings, clock: HeldClock) -> Place:
    def post(number: int) -> dict[str, object]:
        return {"native_id": str(number), "author_id": f"ann{number}", "handle": f"ann{number}"}

    def replies(native_id: str) -> list[str]:
        lines = process.outbox.read_text("utf-8").splitlines() if process.outbox.exists() else []
        return [one["text"] for one in map(json.loads, lines) if one["mention_id"] == native_id]

    account = f"the outbox file {process.outbox.name}"
    return Place("files", process, {"path": "/srv/incoming"}, account, "Sorry, no. {number}!", post, replies)


_PLACES: Mapping[str, Callable[[ExitStack, Settings, HeldClock], Place]] = {
    "bluesky": _bluesky,
    "email": _email,
    "files": _files,
    "mastodon": _mastodon,
    "reddit": _reddit,
    "x": _x,
    "youtube": _youtube,
}
