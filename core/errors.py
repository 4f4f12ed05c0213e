"""Every error of ours, sorted by what the one who catches it should do.

RipplewatchError            the message is written for a person, and says what to do
├── SettingError            a setting is wrong: names it; the process does not start
├── SchemaOutdated          the database is older than the code: run `ripplewatch migrate`
├── BadInput                something that a person gave us cannot be used: says what and where
├── Stale                   somebody else was first: says who and what; look again before you decide
├── Forbidden               the case does not allow that now: says why
├── ItemsSetAside           a job is done, but some of its items wait for a person: the job counts as failed
└── PlatformError           raised by sources and repliers, handled in one place per stage
    ├── RetryLater          try the same again after `after` seconds
    ├── GiveUp              trying again cannot help; a person must change something (`pause`: stop the source)
    └── Unsure              we cannot know whether it took effect; never try again by yourself
"""

from __future__ import annotations


class RipplewatchError(Exception):
    """Base of all errors that carry a message written for a person."""


class SettingError(RipplewatchError):
    """A setting is missing or wrong; the message names it."""


class SchemaOutdated(RipplewatchError):
    """The database was made by another version of the code."""


class BadInput(RipplewatchError):
    """Something that a person gave us cannot be used."""


class Stale(RipplewatchError):
    """A case has changed since the person looked at it, so what they decided no longer fits it."""


class Forbidden(RipplewatchError):
    """The state of a case, its permission or its text does not allow what was asked."""


class ItemsSetAside(RipplewatchError):
    """Raised at the end of a job of which `count` items were set aside for a person."""

    def __init__(self, stage: str, count: int) -> None:
        super().__init__(f"{count} item(s) of stage {stage} were set aside; see the health page")
        self.stage = stage
        self.count = count


class PlatformError(RipplewatchError):
    """What a platform did to us, in its own words."""


class RetryLater(PlatformError):
    """The same request may work after `after` seconds (None: the caller's own backoff decides)."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class GiveUp(PlatformError):
    """The request can never work as it is: wrong key, no permission, gone."""


class Unsure(PlatformError):
    """The request may or may not have taken effect, and the platform cannot tell us."""
