"""The pages on a database of their own, and people who look at them."""

from __future__ import annotations

import pytest
from flask import Flask

from core.runtime import Runtime
from tests.web import compiled
from tests.web.visitor import Visitor
from web.app import create_app

compiled.keep()


@pytest.fixture
def app(sqlite_runtime: Runtime) -> Flask:
    return create_app(sqlite_runtime)


@pytest.fixture
def stranger(app: Flask, sqlite_runtime: Runtime) -> Visitor:
    """Somebody who has not signed in."""
    return Visitor(app, sqlite_runtime)


@pytest.fixture
def agent(app: Flask, sqlite_runtime: Runtime) -> Visitor:
    return Visitor(app, sqlite_runtime).sign_in("agent")


@pytest.fixture
def admin(app: Flask, sqlite_runtime: Runtime) -> Visitor:
    return Visitor(app, sqlite_runtime).sign_in("admin", "Ada")


@pytest.fixture
def manager(app: Flask, sqlite_runtime: Runtime) -> Visitor:
    return Visitor(app, sqlite_runtime).sign_in("manager", "Mia")
