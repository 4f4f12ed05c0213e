"""A service that alerts go to, and what stands in the database before any does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import select

from core import alerts
from core.errors import Unsure
from core.runtime import Runtime
from core.tables import AlertRule, Channel, Delivery, Incident, IncidentMention
from listener.source import Field
from responder.alerts.channel import Context, Message
from responder.alerts.deliver import deliver
from responder.alerts.route import route_alerts
from responder.alerts.senders import Senders


@dataclass
class Service:
    """A chat: what stands in it, and what it does to the next calls. It forgets nothing that it took."""

    sent: dict[str, Message] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    updates: list[Message] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    before: list[Exception] = field(default_factory=list)
    after: list[Exception] = field(default_factory=list)
    finds: bool = True

    def call(self, what: str, take: Callable[[], None]) -> None:
        """Fail before anything is taken, take it, or take it and fail to say so."""
        self.calls.append(what)
        if self.before:
            raise self.before.pop(0)
        take()
        if self.after:
            raise self.after.pop(0)


class Chat:
    """The sender of a Service."""

    title: ClassVar[str] = "Chat"
    about: ClassVar[str] = ""
    fields: ClassVar[tuple[Field, ...]] = ()
    steps: ClassVar[tuple[str, ...]] = ()
    service: Service

    def __init__(self, context: Context) -> None:
        del context

    @classmethod
    def of(cls, service: Service) -> Chat:
        chat = cls.__new__(cls)
        chat.service = service
        return chat

    def send(self, message: Message, key: str) -> dict[str, str]:
        self.service.call("send", lambda: self.service.sent.update({key: message}))
        return {"ts": key}

    def update(self, place: Mapping[str, str], message: Message) -> dict[str, str]:
        self.service.call("update", lambda: self.service.updates.append(message))
        return dict(place)

    def thread(self, place: Mapping[str, str], text: str, key: str) -> dict[str, str]:
        assert place, "a line goes below a message"
        self.service.call("thread", lambda: self.service.lines.update({key: text}))
        return {"ts": key}

    def find(self, key: str, around: datetime, under: Mapping[str, str] | None = None) -> dict[str, str] | None:
        del around, under
        self.service.calls.append("find")
        if not self.service.finds:
            raise Unsure("this service cannot be asked")
        return {"ts": key} if key in self.service.sent or key in self.service.lines else None

    def check(self) -> str:
        return "a chat"

    def close(self) -> None:
        return


def one(service: Service) -> Senders:
    """Every channel is this service."""
    return lambda channel: Chat.of(service)


def add_channel(runtime: Runtime, name: str = "#care", kind: str = "slack", **values: Any) -> int:
    with runtime.db.write() as db:
        row = Channel(name=name, kind=kind, created_at=runtime.clock.now(), **values)
        db.add(row)
        db.flush()
        return row.id


def add_rule(runtime: Runtime, brand_id: int, channel_id: int, **values: Any) -> int:
    with runtime.db.write() as db:
        given = {"kinds": ["incident"], "hours": {"when": "always"}} | values
        row = AlertRule(brand_id=brand_id, channel_id=channel_id, created_at=runtime.clock.now(), **given)
        db.add(row)
        db.flush()
        return row.id


def add_incident(runtime: Runtime, brand_id: int, mentions: tuple[int, ...] = (), **values: Any) -> int:
    """An open incident, told of."""
    now = runtime.clock.now()
    with runtime.db.write() as db:
        times = {"began_at": now, "noticed_at": now, "last_at": now, "changed_at": now}
        given = {"origin": "likeness", "name": "checkout, card", "severity": "high"} | times | values
        row = Incident(brand_id=brand_id, mentions=len(mentions) or 4, authors=len(mentions) or 4, **given)
        db.add(row)
        db.flush()
        for mention_id in mentions:
            member = IncidentMention(mention_id=mention_id, brand_id=brand_id, incident_id=row.id, joined_at=now)
            member.followers = 0
            db.add(member)
        words = f"{row.name}: {row.mentions} complaints"
        alerts.tell(db, runtime.clock, "incident", row.id, brand_id, row.severity, words)
        return row.id


def tell(runtime: Runtime, incident_id: int, **values: Any) -> None:
    """The incident changed, and that was told."""
    with runtime.db.write() as db:
        row = db.get_one(Incident, incident_id)
        for name, value in values.items():
            setattr(row, name, value)
        words = f"{row.name}: {row.mentions} complaints"
        alerts.tell(db, runtime.clock, "incident", row.id, row.brand_id, row.severity, words)


def settle(runtime: Runtime, service: Service) -> None:
    """Let the stages `alert` and `deliver` do all that is due now."""
    for _ in range(50):
        with runtime.db.write() as db:
            routed = route_alerts(db, runtime.clock)
        if not deliver(runtime, one(service)) and not routed:
            return
    raise AssertionError("it never comes to rest")


def deliveries(runtime: Runtime) -> list[Delivery]:
    with runtime.db.read() as db:
        return list(db.scalars(select(Delivery).order_by(Delivery.id)))


def states(runtime: Runtime) -> list[tuple[str, str]]:
    return [(row.kind, row.state) for row in deliveries(runtime)]
