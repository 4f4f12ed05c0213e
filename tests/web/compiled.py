"""What every application of a test process would compile anew, kept: templates, and how addresses are built.

A test has an application of its own, on a database of its own; its pages' code is the same as that of the last one.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType
from typing import Any, ClassVar

from flask import Flask
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from werkzeug.routing import Rule

Build = Callable[..., tuple[str, str]]


class Compiled(BytecodeCache):
    """The code of templates by their text, for as long as this process runs."""

    def __init__(self) -> None:
        self._codes: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give what is known."""
        bucket.code = self._codes.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Remember it."""
        assert bucket.code is not None
        self._codes[bucket.key, bucket.checksum] = bucket.code


class KnownRule(Rule):
    """A rule whose functions that build addresses are those of the first rule with the same words."""

    _known: ClassVar[dict[tuple[Any, ...], Build]] = {}

    def _compile_builder(self, append_unknown: bool = True) -> Build:
        key = (self.rule, self.host, self.subdomain, repr(self.defaults), append_unknown)
        if key not in self._known:
            self._known[key] = super()._compile_builder(append_unknown)
        return self._known[key]


def keep() -> None:
    """From here on, every application of this process shares them."""
    Flask.jinja_options["bytecode_cache"] = Compiled()
    Flask.url_rule_class = KnownRule
