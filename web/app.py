"""The pages: every blueprint on one Flask application."""

from __future__ import annotations

from flask import Flask

from core import secrets
from core.runtime import Runtime
from web import auth, current, health, security, sending, shell
from web.desk import (
    answering,
    author,
    black_hole,
    case,
    case_notes,
    case_team,
    inbox,
    incidents,
    known_issues,
    labels,
    notifications,
    search,
    unlikely,
    writing,
)
from web.insight import accuracy, topics, trends
from web.listening import coverage, deletions, hooks, source_setup, source_sign_in, sources
from web.managing import (
    alerts,
    brand_approval_form,
    brand_reply_form,
    brands,
    glossary,
    guide,
    people,
    playbook,
    setup,
    slack,
    teams,
)

_LARGEST_FORM = 1_000_000
_PAGES = (
    auth,
    setup,
    guide,
    inbox,
    unlikely,
    black_hole,
    incidents,
    known_issues,
    author,
    case,
    answering,
    writing,
    case_notes,
    case_team,
    notifications,
    search,
    trends,
    topics,
    teams,
    brands,
    brand_reply_form,
    brand_approval_form,
    sources,
    source_setup,
    source_sign_in,
    alerts,
    coverage,
    deletions,
    accuracy,
    glossary,
    labels,
    playbook,
    people,
    health,
    sending,
    hooks,
    slack,
)


def create_app(runtime: Runtime) -> Flask:
    """The pages on top of `runtime`, as a WSGI application."""
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY=secrets.session_key(runtime.settings),
        MAX_CONTENT_LENGTH=_LARGEST_FORM,
        MAX_FORM_MEMORY_SIZE=_LARGEST_FORM,
    )
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    current.init_app(app, runtime)
    security.init_app(app, runtime.settings)
    auth.init_app(app, runtime.clock)  # before CSRF: who is not signed in is asked to sign in, whatever they sent
    csrf = security.protect_forms(app)
    auth.guard_brands(app)
    shell.init_app(app)
    black_hole.init_app(app)
    incidents.init_app(app)
    known_issues.init_app(app)
    coverage.init_app(app)
    trends.init_app(app)
    answering.init_app(app)
    writing.init_app(app)
    labels.init_app(app)
    brand_reply_form.init_app(app)
    brand_approval_form.init_app(app)
    hooks.init_app(app, runtime.clock, csrf)
    slack.init_app(app, csrf)
    for page in _PAGES:
        app.register_blueprint(page.pages)
    return app
