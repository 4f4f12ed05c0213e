"""The servers that the service stands on: the database and, where the stages are RQ workers, Redis."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

import redis as redis_client
from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from core import migrations
from core.db import Database
from core.log import redact
from core.queue import STAGES, RqQueue
from core.settings import Settings
from web.doctor.finding import Finding, fail, ok, warn

_OLDEST_POSTGRES = 15
_OLDEST_REDIS = 6


class Examined:
    """The database as it was found. `fits`: it is there, and of the version that this program needs."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.database
        self._name = make_url(self._url).render_as_string(hide_password=True)

    @property
    def fits(self) -> bool:
        """Whether its contents can be examined."""
        return self._found[0]

    def findings(self) -> Iterator[Finding]:
        """What is to say of it."""
        yield from self._found[1]

    @cached_property
    def _found(self) -> tuple[bool, list[Finding]]:
        file = make_url(self._url).database
        if self._url.startswith("sqlite") and file and not Path(file).exists():
            return False, [ok("database", f"{self._name}, made at the first start")]
        database = Database(self._url)
        try:
            with database.engine.connect() as connection:
                return self._version(connection)
        except (SQLAlchemyError, sqlite3.Error) as error:
            reason = redact(str(getattr(error, "orig", error))).strip()
            return False, [fail("database", f"{self._name}: {reason}", "start it, or correct DATABASE_URL")]
        finally:
            database.close()

    def _version(self, connection: Connection) -> tuple[bool, list[Finding]]:
        findings = list(_postgres(connection)) if connection.dialect.name == "postgresql" else []
        found, wanted = migrations.current(connection), migrations.head()
        if found == wanted:
            findings.append(ok("database", f"{self._name}, version {found}"))
        elif found is None:
            findings.append(ok("database", f"{self._name}, empty; its tables are made at the first start"))
        elif migrations.known(found):
            says = f"{self._name} is at version {found}, this program needs {wanted}"
            findings.append(fail("database", says, "make a copy, then run `ripplewatch migrate`"))
        else:
            says = f"{self._name} is at version {found}, which this program does not know"
            findings.append(fail("database", says, "install the newer Ripplewatch that made it"))
        return found == wanted, findings


def _postgres(connection: Connection) -> Iterator[Finding]:
    version = int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000
    if version < _OLDEST_POSTGRES:
        yield fail("PostgreSQL", f"is version {version}", f"Ripplewatch needs PostgreSQL {_OLDEST_POSTGRES} or newer")


def redis(settings: Settings) -> Iterator[Finding]:
    """Whether Redis answers, is new enough, and what lies in its queues."""
    if not settings.distributed:
        yield ok("REDIS_URL", "not set: all stages run in one process")
        return
    queue = RqQueue(settings.redis_url)
    where = redact(settings.redis_url)
    try:
        server = queue.redis.info("server")
        version = str(server.get("redis_version", "0"))
        if int(version.partition(".")[0]) < _OLDEST_REDIS:
            yield fail("Redis", f"{where} is version {version}", f"Ripplewatch needs Redis {_OLDEST_REDIS} or newer")
        else:
            yield ok("Redis", f"{where}, version {version}")
        yield from _jobs(queue)
    except redis_client.RedisError as error:
        yield fail("Redis", f"{where} does not answer: {redact(str(error))}", "start it, or correct REDIS_URL")
    finally:
        queue.redis.close()


def _jobs(queue: RqQueue) -> Iterator[Finding]:
    for stage in STAGES:
        jobs = queue.jobs(stage)
        says = f"{jobs.count} job(s) waiting, {jobs.failed_job_registry.count} failed within a week"
        if jobs.failed_job_registry.count:
            yield warn(f"queue {stage}", says, "see the health page for what was set aside, and the workers' logs")
        else:
            yield ok(f"queue {stage}", says)
