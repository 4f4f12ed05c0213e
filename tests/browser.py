"""A real, headless Chromium for tests; where there is none, they are skipped and say so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

PATIENCE = 60_000
"""Milliseconds until something has to show: enough on a busy machine, and costs nothing where all is well."""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def executable() -> str | None:
    """Where Chromium is on this machine."""
    return os.environ.get("CHROMIUM") or next((found for name in _NAMES if (found := shutil.which(name))), None)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser that talks to nobody but the test."""
    path = executable()
    if path is None:
        pytest.skip("no Chromium on this machine: install it (.ci/run does), or name it in CHROMIUM")
    quiet = ["--disable-background-networking", "--disable-component-update", "--no-first-run"]
    alone = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=[*quiet, *alone], timeout=PATIENCE)
        expect.set_options(timeout=PATIENCE)
        try:
            yield running
        finally:
            running.close()
