"""What surrounds the service: names and values of settings, folders, the model."""

from __future__ import annotations

import difflib
import importlib.util
import ipaddress
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic import SecretStr
from pydantic_settings import DotEnvSettingsSource

from core.log import redact
from core.settings import SECRETS, Settings
from responder.drafts import writer as writing
from responder.drafts.writer import EndpointWriter, WriterFailed
from sentiment import classifier
from web.doctor.finding import Finding, fail, ok, warn

_ALIKE = 0.8
"""From this likeness on (difflib's ratio) a name is taken for a misspelt one: DATABASE_URI for DATABASE_URL."""
_SHORT = 6
"""Names of settings shorter than this (HOST, PORT) resemble too much of what else stands in an environment."""
_LITTLE_SPACE = 500_000_000


def names(environ: Mapping[str, str], env_file: Path) -> Iterator[Finding]:
    """Whether `.env` can be read, and names in it or the environment that look like misspelt settings."""
    written: Mapping[str, str | None] = {}
    try:
        written = DotEnvSettingsSource(Settings, env_file=env_file, env_file_encoding="utf-8").env_vars
    except (OSError, UnicodeDecodeError) as error:
        yield fail(str(env_file), f"cannot be read: {error}", "make it a UTF-8 text file that this user may read")
    known = {name.upper() for name in Settings.model_fields} | {f"{name.upper()}_FILE" for name in SECRETS}
    for place, given in (("environment", environ), (str(env_file), written)):
        for name in sorted({name.upper() for name in given} - known):
            if meant := _meant(name, known):
                yield warn(place, f"{name} is no setting and has no effect", meant)


def _meant(name: str, known: set[str]) -> str | None:
    """What to do about a name that its writer took for a setting; None if it is probably no business of ours."""
    bare = name.removeprefix("RIPPLEWATCH_")
    near = [f for one in (bare, name) for f in difflib.get_close_matches(one, known, n=1, cutoff=_ALIKE)]
    if bare == name:
        return f"did you mean {near[0]}?" if near and len(near[0]) >= _SHORT else None
    return f"did you mean {near[0]}?" if near else "`.env.example` lists all settings"


def values(settings: Settings) -> Iterator[Finding]:
    """Every setting that differs from its default, and combinations that are not safe."""
    for name in sorted(settings.model_fields_set):
        if name != "ripplewatch_home":
            yield ok(name.upper(), _shown(getattr(settings, name)))
    yield ok("settings", f"{len(settings.model_fields_set)} set, the other {_defaults(settings)} have their defaults")
    yield from _reach(settings)
    if settings.distributed and not settings.secret_key.get_secret_value():
        yield warn(
            "SECRET_KEY",
            "not set, so each machine signs sessions with a key of its own",
            "set the same SECRET_KEY (or SECRET_KEY_FILE) on all machines that run `ripplewatch web`",
        )
    if settings.distributed and settings.database.startswith("sqlite"):
        yield warn(
            "DATABASE_URL",
            "REDIS_URL is set, but the database is SQLite, which only processes of one machine can share",
            "set DATABASE_URL=postgresql+psycopg://user:password@host/name",
        )


def _defaults(settings: Settings) -> int:
    return len(Settings.model_fields) - len(settings.model_fields_set)


def _shown(value: object) -> str:
    return "set, not shown" if isinstance(value, SecretStr) else redact(str(value))


def _reach(settings: Settings) -> Iterator[Finding]:
    """Whether strangers could reach the pages without encryption."""
    try:
        inside = settings.host == "localhost" or ipaddress.ip_address(settings.host).is_loopback
    except ValueError:
        inside = False
    if not inside and not settings.public_url.startswith("https://"):
        yield warn(
            "PUBLIC_URL",
            f"the pages listen on {settings.host}, and passwords travel unencrypted",
            "put a proxy with TLS in front and set PUBLIC_URL=https://...",
        )


def folders(settings: Settings) -> Iterator[Finding]:
    """Whether the home and the outbox can be written, and whether there is space."""
    home, outbox = settings.ripplewatch_home, settings.outbox
    if problem := _unwritable(home):
        yield fail("RIPPLEWATCH_HOME", f"{home}: {problem}", "give this user the right to write there, or set another")
    else:
        free = shutil.disk_usage(_existing(home)).free
        says = f"{home}{'' if home.exists() else ' (made at the first start)'}, {free / 1e9:.1f} GB free"
        little = warn("RIPPLEWATCH_HOME", says, "make space, or move it to another disk")
        yield little if free < _LITTLE_SPACE else ok("RIPPLEWATCH_HOME", says)
    if problem := _unwritable_file(outbox):
        yield fail("outbox", f"{outbox}: {problem}", "let this user write it, or set OUTBOX_FILE to another file")
    else:
        yield ok("outbox", str(outbox))


def _existing(folder: Path) -> Path:
    """The folder, or what of its path is there."""
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())


def _unwritable(folder: Path) -> str | None:
    """Why nothing can be written in a folder (or it cannot be made), found by trying; None if it can."""
    there = _existing(folder)
    if not there.is_dir():
        return f"{there} is no folder"
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return f"cannot be written ({error.strerror})"


def _unwritable_file(file: Path) -> str | None:
    if not file.exists():
        return _unwritable(file.parent)
    if not file.is_file():
        return "is no file"
    return None if os.access(file, os.W_OK) else "cannot be written"


def model(settings: Settings) -> Iterator[Finding]:
    """Whether the model's files are all there and undamaged; a model from elsewhere is not loaded for that."""
    name = settings.model
    if name in {"bundled", "lexicon"}:
        try:
            yield ok("MODEL", classifier.load(name, settings.model_threads).name)
        except classifier.ModelUnusable as error:
            yield fail("MODEL", str(error), "or set MODEL=lexicon, which needs no files, until then")
    else:
        yield from _from_elsewhere("MODEL", name, "when the first mention is judged")


def writer(settings: Settings) -> Iterator[Finding]:
    """Whether what may suggest replies answers, where one is set: an endpoint is asked for one word."""
    try:
        found = writing.load(settings)
        if isinstance(found, EndpointWriter):
            found.write([{"role": "user", "content": "Answer with the word OK."}])
    except WriterFailed as error:
        yield fail("WRITER_URL", str(error), "correct it; with WRITER_URL and WRITER_MODEL empty there is no writer")
        return
    if isinstance(found, EndpointWriter):
        yield ok("WRITER_URL", f"{found.name} answers")
    elif found:
        yield from _from_elsewhere("WRITER_MODEL", found.name, "when somebody first asks for a suggestion")


def _from_elsewhere(what: str, name: str, loaded: str) -> Iterator[Finding]:
    """A Hugging Face model is not loaded for an examination."""
    if importlib.util.find_spec("torch") is None:
        yield fail(what, f"{name} needs torch, which is not installed", "pip install 'ripplewatch[torch]'")
    else:
        yield ok(what, f"{name}, loaded {loaded}")
