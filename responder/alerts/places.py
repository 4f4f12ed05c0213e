"""Where on our own pages people find what an alert is about."""

from __future__ import annotations

from core.settings import Settings

_PATHS = {
    "incident": "/incidents/{}",
    "breach": "/cases/{}",
    "source": "/sources/{}",
    "canary": "/sources/{}",
    "channel": "/alerts/channels/{}",
}


def path_of(kind: str, subject_id: int) -> str:
    """The path of the page about the subject of an alert of this kind."""
    return _PATHS.get(kind, "/alerts/").format(subject_id)


def address(settings: Settings, path: str) -> str:
    """The whole address of a page."""
    return settings.pages_url + path
