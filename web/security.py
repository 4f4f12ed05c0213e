"""What every answer carries so that hostile text stays text: headers, cookie flags, a token in every form."""

from __future__ import annotations

from datetime import timedelta

from flask import Flask, Response, request
from flask_wtf import CSRFProtect

from core.settings import Settings

POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_SESSION_DAYS = 7


def init_app(app: Flask, settings: Settings) -> None:
    """Set cookie flags and headers."""
    https = settings.public_url.startswith("https://")
    app.config.update(
        SESSION_COOKIE_NAME="__Host-ripplewatch" if https else "ripplewatch",
        SESSION_COOKIE_SECURE=https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        PERMANENT_SESSION_LIFETIME=timedelta(days=_SESSION_DAYS),
        WTF_CSRF_TIME_LIMIT=None,  # as long as the session: a form may stand open all day
    )
    app.after_request(_add_headers)


def protect_forms(app: Flask) -> CSRFProtect:
    """Refuse every form that does not carry the session's token, save in blueprints that what is returned exempts."""
    return CSRFProtect(app)


def _add_headers(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers.setdefault(name, value)
    if request.endpoint == "static" and "v" in request.args:
        response.headers["Cache-Control"] = "public, max-age=31536000, immutable"
    elif request.endpoint != "static":
        response.headers["Cache-Control"] = "no-store"
        response.headers["Vary"] = "Cookie, HX-Request-Type"
    return response
