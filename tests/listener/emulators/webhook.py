"""What takes signed posts on 127.0.0.1, and checks them as docs/sources.md says, with its own arithmetic."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable

from tests.loopback import Answer, Asked


def receiver(secret: str, taken: list[bytes], status: int = 200) -> Callable[[Asked], Answer]:
    """Answers 401 to what is not signed with the secret; keeps the other bodies in `taken`, and answers `status`."""

    def answer(asked: Asked) -> Answer:
        headers = {name.lower(): value for name, value in asked.headers.items()}
        message = headers.get("x-ripplewatch-timestamp", "").encode() + b"." + asked.body
        right = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
        if headers.get("x-ripplewatch-signature") != f"sha256={right}":
            return Answer(401, b'{"error": "not signed"}')
        taken.append(asked.body)
        return Answer(status, b"{}", {"Location": "https://elsewhere.example/"} if status == 302 else {})

    return answer
