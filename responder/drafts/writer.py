"""The writer: a language model that rewords an approved reply. Optional, asked for by a person, never by itself.

Either any endpoint that speaks OpenAI's chat completions (WRITER_URL, WRITER_MODEL, WRITER_KEY), or a Hugging Face
text-generation model on this machine (WRITER_MODEL alone; needs the torch extra), loaded when it is first asked.
Whatever goes wrong is a WriterFailed in words for the person who pressed the button. What the answer is worth is not
judged here (responder/drafts/writing.py).
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any, Protocol
from urllib.parse import urlsplit

import httpx2

from core.clock import Clock, SystemClock
from core.errors import RipplewatchError
from core.settings import Settings
from core.tls import trusted
from responder.drafts.prompt import Message

SECONDS = 40.0
"""For one answer, however slowly its bytes drip."""
_AT_ONCE = 4
_MOST_BYTES = 200_000
_MOST_TOKENS = 400
_SAID = 200
"""Characters of an endpoint's complaint that are repeated."""


class WriterFailed(RipplewatchError):
    """No suggestion could be written; the message says why, and what to do."""


class Writer(Protocol):
    """Answers a chat. Safe to call from several threads."""

    @property
    def name(self) -> str:
        """What people call the model."""

    def write(self, chat: Sequence[Message]) -> str:
        """The model's answer as it came. Raises WriterFailed."""


def load(settings: Settings) -> Writer | None:
    """The process's writer, or None where the settings name none. Raises WriterFailed when they cannot be used."""
    if not settings.writer_url and not settings.writer_model:
        return None
    return _loaded(settings.writer_url, settings.writer_model, settings.writer_key.get_secret_value())


@functools.cache
def _loaded(url: str, model: str, key: str) -> Writer:
    if not model:
        raise WriterFailed("WRITER_URL is set, but WRITER_MODEL is not: say which model of it is to write")
    return EndpointWriter(url, model, key) if url else LocalWriter(model)


class EndpointWriter:
    """A chat endpoint, on this machine or elsewhere. `url` is its base, such as http://localhost:11434/v1."""

    def __init__(
        self, url: str, model: str, key: str = "", *, seconds: float = SECONDS, clock: Clock | None = None
    ) -> None:
        self.name = model
        self._url = url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        self._host = urlsplit(url).netloc.rpartition("@")[2]
        self._key = key
        self._seconds, self._clock = seconds, clock or SystemClock()
        self._turns = threading.Semaphore(_AT_ONCE)

    def write(self, chat: Sequence[Message]) -> str:
        """See Writer."""
        with _turn(self._turns):
            status, body = self._asked({"model": self.name, "messages": list(chat), "stream": False})
        if status >= 300:
            raise WriterFailed(self._refused(status, body))
        return self._answer(body)

    def _asked(self, question: dict[str, object]) -> tuple[int, bytes]:
        deadline, body = self._clock.monotonic() + self._seconds, bytearray()
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        limits = httpx2.Timeout(self._seconds, connect=min(5.0, self._seconds))
        try:
            with httpx2.stream(
                "POST", self._url, json=question, headers=headers, timeout=limits, verify=trusted()
            ) as response:
                for part in response.iter_bytes():
                    body += part
                    if len(body) > _MOST_BYTES:
                        raise WriterFailed(f"{self._host} answers more than a reply could be: is it a chat endpoint?")
                    if self._clock.monotonic() > deadline:
                        raise WriterFailed(self._slow())
                return response.status_code, bytes(body)
        except httpx2.TimeoutException as error:
            raise WriterFailed(self._slow()) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise WriterFailed(f"{self._host} cannot be reached (WRITER_URL): {error or 'it hung up'}") from error

    def _slow(self) -> str:
        return f"{self._host} took longer than {self._seconds:.0f} s to write; try again, or write yourself"

    def _refused(self, status: int, body: bytes) -> str:
        said = self._said(body)
        if status in (401, 403):
            return f"{self._host} does not accept the key (WRITER_KEY){said}"
        if status == httpx2.codes.NOT_FOUND:
            return f"{self._host} knows no model {self.name!r} (WRITER_MODEL), or no such address (WRITER_URL){said}"
        if status == httpx2.codes.TOO_MANY_REQUESTS:
            return f"{self._host} has had too many requests; try again in a minute{said}"
        return f"{self._host} answered {status}{said}"

    def _said(self, body: bytes) -> str:
        """The endpoint's own words, if it has any, without the key."""
        found = _json(body)
        error = found.get("error") if isinstance(found, dict) else None
        words = error.get("message") if isinstance(error, dict) else error
        if not isinstance(words, str) or not words.strip():
            return ""
        plain = words.replace(self._key, "***") if self._key else words
        return ": " + " ".join("".join(sign if sign.isprintable() else " " for sign in plain[:_SAID]).split())

    def _answer(self, body: bytes) -> str:
        found = _json(body)
        try:
            text = found["choices"][0]["message"]["content"]
        except (KeyError, IndexError, TypeError):
            text = None
        if not isinstance(text, str):
            raise WriterFailed(f"what {self._host} answers is no chat completion: is WRITER_URL the right address?")
        return text


class LocalWriter:
    """A Hugging Face text-generation model, by id or folder, on this machine."""

    def __init__(self, name: str, *, seconds: float = 2 * SECONDS) -> None:
        self.name = name.rstrip("/").rpartition("/")[2]
        self._where, self._seconds = name, seconds
        self._turns = threading.Semaphore(1)
        self._model: Any = None
        self._tokenizer: Any = None

    def write(self, chat: Sequence[Message]) -> str:
        """See Writer; the first time the model is loaded, which may take a while."""
        with _turn(self._turns):
            self._load()
            return self._generated(chat)

    def _load(self) -> None:
        if self._model is not None:
            return
        if find_spec("torch") is None:
            raise WriterFailed(
                f"the model {self.name!r} needs torch on this machine. Run: pip install 'ripplewatch[torch]' "
                "(or give WRITER_URL, the address of a chat endpoint)"
            )
        from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - an extra, slow to import

        try:
            tokenizer: Any = AutoTokenizer.from_pretrained(self._where)
            model: Any = AutoModelForCausalLM.from_pretrained(self._where)
        except (OSError, ValueError) as error:
            raise WriterFailed(f"the model {self.name!r} cannot be loaded (WRITER_MODEL): {error}") from error
        if not tokenizer.chat_template:
            raise WriterFailed(f"the model {self.name!r} cannot chat: choose one that follows instructions")
        model.eval()
        self._tokenizer, self._model = tokenizer, model

    def _generated(self, chat: Sequence[Message]) -> str:
        import torch  # noqa: PLC0415 - an extra

        asked = self._tokenizer.apply_chat_template(
            list(chat), add_generation_prompt=True, return_tensors="pt", return_dict=True
        )
        with torch.inference_mode():
            made = self._model.generate(**asked, max_new_tokens=_MOST_TOKENS, max_time=self._seconds, do_sample=False)
        return str(self._tokenizer.decode(made[0, asked["input_ids"].shape[1] :], skip_special_tokens=True))


@contextmanager
def _turn(turns: threading.Semaphore) -> Iterator[None]:
    """One of the few that may ask at once: a person is told so rather than kept waiting."""
    if not turns.acquire(blocking=False):
        raise WriterFailed("the writer is busy with other suggestions; try again in a moment")
    try:
        yield
    finally:
        turns.release()


def _json(body: bytes) -> Any:
    """What the body says, or None where it is no JSON."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
