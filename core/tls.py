"""The certificates that servers outside are held against: read once per process, for it takes a tenth of a second."""

from __future__ import annotations

import ssl
from functools import cache

import httpx2


@cache
def trusted() -> ssl.SSLContext:
    """For `verify` of an HTTP client: this machine's authorities, or those that SSL_CERT_FILE names."""
    return httpx2.create_ssl_context()
