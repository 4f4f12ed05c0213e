"""What the database says: who is alive, what stands still, and what waits for a person."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from core.clock import Clock
from core.db import Database
from core.errors import BadInput, GiveUp
from core.queue import STAGES
from core.roles import EVERYTHING
from core.secrets import unseal
from core.settings import Settings
from core.tables import Brand, Channel, Gap, Heartbeat, Query, SetAside, Source, User, Waiting
from listener import canary, source
from listener.matching import lists_of
from listener.query import Lists, QuerySyntaxError, parse
from listener.settings import whole
from listener.source import Context
from responder.alerts import channel
from web.doctor.finding import Finding, fail, ok, warn
from web.queries import alarms

_PROCESSES = {
    "listener": "listen",
    "sentiment": "judge",
    "responder": "respond",
    "web": "web",
}
"""What a heartbeat says that a process runs -> the command that starts it."""
_MISSED_BEATS = 3
_LATE = timedelta(minutes=10)


def contents(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Look into a database that fits."""
    database = Database(settings.database)
    try:
        with database.read() as db:
            yield from _people(db)
            yield from _brands(db)
            yield from _sources(db, settings, clock)
            yield from _channels(db, settings, clock)
            yield from _processes(db, settings, clock.now())
            yield from _stages(db, clock.now())
            yield from _replies(db, clock.now())
    finally:
        database.close()


def _people(db: Session) -> Iterator[Finding]:
    admins = db.scalar(select(func.count()).where(User.role == "admin", User.active)) or 0
    if admins:
        yield ok("users", f"{admins} admin(s)")
    else:
        yield warn(
            "users", "nobody can sign in", "open the link that `ripplewatch run` prints, or `ripplewatch user add`"
        )


def _brands(db: Session) -> Iterator[Finding]:
    brands = db.scalars(select(Brand).order_by(Brand.slug)).all()
    if not brands:
        yield warn("brands", "there are none, so nothing is kept", "ripplewatch brand add NAME")
    for brand in brands:
        active = [query for query in brand.queries if query.active]
        lists = lists_of(db, brand.id)
        broken = [problem for query in active if (problem := _unreadable(query, lists))]
        yield from broken
        if not active:
            yield warn(f"brand {brand.slug}", "has no active query", f"ripplewatch query add {brand.slug} NAME TEXT")
        elif not broken:
            yield ok(f"brand {brand.slug}", f"{len(active)} queries, {len(brand.own_accounts)} own account(s)")


def _unreadable(query: Query, lists: Lists) -> Finding | None:
    try:
        parse(query.text, lists)
    except QuerySyntaxError as error:
        return fail(f"query {query.name!r}", f"matches nothing: {error}", "correct it on the brand's page")
    return None


def _sources(db: Session, settings: Settings, clock: Clock) -> Iterator[Finding]:
    rows = db.scalars(select(Source).order_by(Source.kind, Source.name)).all()
    if not any(row.active for row in rows):
        yield warn("sources", "none is active, so nothing new is heard", "ripplewatch source add KIND, or import files")
    for row in rows:
        yield _source(db, row, settings, clock)
    for lost in canary.late(db, clock.now()):
        yield warn(f"channel {lost.source}", lost.why, "see on the source's page whether anything reaches it")


def _source(db: Session, row: Source, settings: Settings, clock: Clock) -> Finding:
    what = f"source {row.kind}/{row.name}"
    again = f"then `ripplewatch source resume {row.kind} {shlex.quote(row.name)}`"
    if not row.active:
        return ok(what, "switched off")
    if problem := _unusable(row, settings, clock):
        return fail(what, problem, f"complete its settings, {again}")
    if row.state == "paused":
        return fail(what, f"paused: {row.reason}", f"mend that, {again}")
    if row.state == "waiting":
        return warn(
            what, f"failed {row.failures} time(s): {row.reason}", f"it tries again at {_shown(row.next_try_at)}"
        )
    if _silent(row, clock.now()):
        return warn(what, f"nothing heard since {_shown(row.last_event_at)}", "see whether the platform has trouble")
    gaps = db.scalar(select(func.count()).where(Gap.source_id == row.id, Gap.closed_at.is_(None))) or 0
    notes = [f"{gaps} open gap(s)"] * bool(gaps) + [f"{row.rejected} item(s) rejected so far"] * bool(row.rejected)
    return ok(what, "; ".join((f"last heard from at {_shown(row.last_ok_at)}", *notes)))


def _unusable(row: Source, settings: Settings, clock: Clock) -> str | None:
    """What the kind itself says of the source's settings: the class is made as the listener makes it."""
    try:
        kind = source.load(row.kind)
        given = whole(settings, row)
        missing = [asked.label for asked in kind.fields if asked.required and not given.get(asked.name)]
        if missing:
            return f"lacks {', '.join(missing)}"
        kind(Context(given, settings, clock)).close()
    except (BadInput, GiveUp) as error:
        return str(error)
    return None


def _channels(db: Session, settings: Settings, clock: Clock) -> Iterator[Finding]:
    """Where alerts go. Nobody is asked: "Test connection" on the channel's page does that."""
    for row in db.scalars(select(Channel).order_by(Channel.kind, Channel.name)):
        what = f"alerts to {row.kind}/{row.name}"
        if not row.active:
            yield ok(what, "switched off")
        elif problem := _unusable_channel(row, settings, clock):
            yield fail(what, problem, "correct it on the channel's page")
        elif row.state == "paused":
            yield fail(what, f"paused: {row.reason}", "mend that, then let it go on, on the channel's page")
        else:
            late = f"rests until {_shown(row.rest_until)}" if row.rest_until and row.rest_until > clock.now() else ""
            yield ok(what, late or "its settings can be used")


def _unusable_channel(row: Channel, settings: Settings, clock: Clock) -> str | None:
    try:
        given = {**row.settings, **unseal(settings, row.credentials)}
        channel.load(row.kind)(channel.Context(given, settings, clock)).close()
    except (BadInput, GiveUp) as error:
        return str(error)
    return None


def _silent(row: Source, now: datetime) -> bool:
    seconds = source.load(row.kind).silent_seconds
    heard = row.last_event_at or row.last_ok_at
    return bool(seconds and heard and (now - heard).total_seconds() > seconds)


def _processes(db: Session, settings: Settings, now: datetime) -> Iterator[Finding]:
    recent = now - timedelta(seconds=settings.sweep_seconds * _MISSED_BEATS)
    alive = set(db.scalars(select(Heartbeat.runs).where(Heartbeat.at >= recent).distinct()))
    if alive or settings.distributed:
        for runs, command in _PROCESSES.items():
            if runs in alive:
                yield ok(f"process {runs}", "alive")
            else:
                yield warn(f"process {runs}", "none is alive", f"start `ripplewatch {command}`")
    else:
        yield ok("processes", "none is running now")


def _stages(db: Session, now: datetime) -> Iterator[Finding]:
    for stage in STAGES:
        waiting, oldest = db.execute(select(func.count(), func.min(Waiting.due)).where(Waiting.stage == stage)).one()
        if waiting and now - oldest > _LATE:
            yield warn(
                f"stage {stage}", f"{waiting} waiting, since {_shown(oldest)}", "see whether its process is alive"
            )
        else:
            yield ok(f"stage {stage}", f"{waiting} waiting")
        aside = db.scalars(select(SetAside).where(SetAside.stage == stage).order_by(SetAside.id.desc())).all()
        if aside:
            says = f"{len(aside)} item(s) set aside; the last: {aside[0].reason}"
            yield fail(f"stage {stage}", says, "look at them on the health page, and try again or leave them")


def _replies(db: Session, now: datetime) -> Iterator[Finding]:
    found = alarms.now(db, now, EVERYTHING)
    if found.stopped:
        yield warn("sending", f"is stopped for all: {found.stopped.why}", "switch it on again on the health page")
    if found.unsure:
        yield fail("replies", f"{found.unsure} may or may not have been sent", "decide them in the inbox")
    if found.failed:
        yield fail("replies", f"{found.failed} could not be sent", "look at them in the inbox")


def _shown(moment: datetime | None) -> str:
    return moment.strftime("%Y-%m-%d %H:%M UTC") if moment else "never"
