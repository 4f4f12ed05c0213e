"""Logging for people (text) and for collectors (one JSON object per line). Secrets never pass."""

from __future__ import annotations

import json
import logging
import re
import sys
from datetime import UTC, datetime

_CREDENTIALS = re.compile(
    r"(?P<url>://[^/\s:@]*:)[^/\s]+(?=@)"
    r"|(?P<named>(?:token|secret|password|key)[\"']?(?:=|: ?(?=[\"']))[\"']?)[^&\s\"',}]+"
    r"|(?P<header>\bauthorization[\"']?: ?[\"']?(?:\w+ )?)[^\s\"',}]+"
    r"|(?P<bearer>\bbearer )[\w.~+/=-]{16,}",
    re.IGNORECASE,
)


def redact(text: str) -> str:
    """Blank passwords in URLs, Authorization headers, and what is called token, secret, password or key."""
    return _CREDENTIALS.sub(lambda match: f"{match[match.lastgroup or 0]}***", text)


class _Text(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


class _Json(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        entry = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": redact(record.getMessage()),
        }
        if record.exc_info:
            entry["traceback"] = redact(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def configure(level: str, style: str) -> None:
    """Log to stderr at `level`, as `style` (text or json)."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json() if style == "json" else _Text("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    logging.basicConfig(level=level, handlers=[handler], force=True)
    for chatty in ("httpx2", "httpcore2", "urllib3", "websockets", "alembic", "rq.worker"):
        logging.getLogger(chatty).setLevel(max(logging.WARNING, logging.getLevelName(level)))
