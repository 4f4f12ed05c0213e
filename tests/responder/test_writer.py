"""The writer's two ways to a model, and what is said when it is down, slow, or answers nonsense."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from core.settings import Settings
from responder.drafts.prompt import Message
from responder.drafts.writer import EndpointWriter, LocalWriter, WriterFailed, load
from tests.loopback import Answer, Asked, Server, http

CHAT: list[Message] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": '{"post": "hi"}'}]
KEY = "sk-loopback-4711"


def said(text: object) -> Answer:
    body = {"choices": [{"message": {"role": "assistant", "content": text}}]}
    return Answer(body=json.dumps(body).encode(), headers={"Content-Type": "application/json"})


def write(server: Server, seconds: float = 5.0) -> str:
    return EndpointWriter(f"{server.url}/v1", "small", KEY, seconds=seconds).write(CHAT)


def test_an_endpoint_is_asked_with_the_model_the_chat_and_the_key() -> None:
    with http(lambda _: said("Hello!")) as server:
        assert write(server) == "Hello!"
        assert EndpointWriter(f"{server.url}/v1/chat/completions", "small").write(CHAT) == "Hello!"
    first, second = server.asked
    assert (first.path, first.headers["Authorization"]) == ("/v1/chat/completions", f"Bearer {KEY}")
    assert json.loads(first.body) == {"model": "small", "messages": CHAT, "stream": False}
    assert (second.path, "Authorization" in second.headers) == ("/v1/chat/completions", False)


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(401, b'{"error": {"message": "bad sk-loopback-4711"}}'), r"the key \(WRITER_KEY\): bad \*\*\*"),
        (Answer(404, b"nothing here"), r"knows no model 'small' \(WRITER_MODEL\), or no such address"),
        (Answer(429, b'{"error": "slow\\u202e down"}'), "too many requests; try again in a minute: slow down"),
        (Answer(500, b"<html>"), "answered 500$"),
        (Answer(302, headers={"Location": "http://127.0.0.1:1/"}), "answered 302"),
        (Answer(body=b"<html>"), "is no chat completion"),
        (Answer(body=b"[" * 100_000), "is no chat completion"),
        (Answer(body=b'{"choices": []}'), "is no chat completion"),
        (said(None), "is no chat completion"),
        (said([{"type": "text"}]), "is no chat completion"),
        (Answer(body=b" " * 300_000), "answers more than a reply could be"),
        (Answer(body=b"{", declared=100), "cannot be reached"),
    ],
)  # fmt: skip
def test_what_an_endpoint_does_wrong_is_said_in_words(answer: Answer, told: str) -> None:
    with http(lambda _: answer) as server, pytest.raises(WriterFailed, match=told) as failed:
        write(server)
    assert KEY not in str(failed.value)


def test_an_endpoint_that_is_down_is_named() -> None:
    with http(lambda _: said("")) as server:
        pass
    with pytest.raises(WriterFailed, match=r"127\.0\.0\.1:\d+ cannot be reached \(WRITER_URL\)"):
        write(server)


@pytest.fixture
def never() -> Iterator[Callable[[Asked], Answer]]:
    """A script that answers only once the test is over."""
    over = threading.Event()

    def script(_: Asked) -> Answer:
        over.wait(30)
        return said("too late")

    yield script
    over.set()


def test_a_slow_endpoint_is_given_up(never: Callable[[Asked], Answer]) -> None:
    with http(never) as server, pytest.raises(WriterFailed, match="took longer than 0 s"):
        write(server, seconds=0.2)


def test_only_some_are_asked_at_once(never: Callable[[Asked], Answer]) -> None:
    with http(never) as server:
        writer = EndpointWriter(server.url, "small", seconds=2)
        writers = [threading.Thread(target=_quietly, args=(writer,)) for _ in range(4)]
        for one in writers:
            one.start()
        while len(server.asked) < 4:
            assert any(one.is_alive() for one in writers)
        with pytest.raises(WriterFailed, match="busy"):
            writer.write(CHAT)
        for one in writers:
            one.join()


def _quietly(writer: EndpointWriter) -> None:
    with pytest.raises(WriterFailed):
        writer.write(CHAT)


def test_the_settings_choose_the_writer() -> None:
    assert load(Settings()) is None
    assert isinstance(load(Settings(writer_url="http://127.0.0.1:1/v1", writer_model="small")), EndpointWriter)
    assert isinstance(load(Settings(writer_model="some/model")), LocalWriter)
    with pytest.raises(WriterFailed, match="WRITER_MODEL is not"):
        load(Settings(writer_url="http://127.0.0.1:1/v1"))


@pytest.mark.skipif(find_spec("torch") is not None, reason="torch is here")
def test_a_local_model_without_torch_says_what_to_install() -> None:
    with pytest.raises(WriterFailed, match=r"pip install 'ripplewatch\[torch\]'"):
        LocalWriter("some/model").write(CHAT)


@pytest.mark.skipif(find_spec("torch") is None, reason="needs torch: pip install 'ripplewatch[torch]'")
def test_a_local_model_answers_a_chat(tmp_path: Path) -> None:
    _tiny_model(tmp_path)
    assert isinstance(LocalWriter(str(tmp_path)).write(CHAT), str)
    with pytest.raises(WriterFailed, match="cannot be loaded"):
        LocalWriter(str(tmp_path / "absent")).write(CHAT)


def _tiny_model(folder: Path) -> None:
    """A network that says something, if nothing of sense."""
    from tokenizers import Tokenizer, models, pre_tokenizers  # noqa: PLC0415 - with torch only
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast  # noqa: PLC0415 - with torch only

    words = ["<end>", "<unk>", *'abcdefghijklmnopqrstuvwxyz{}:",.']
    plain = Tokenizer(models.WordLevel({word: at for at, word in enumerate(words)}, unk_token="<unk>"))
    plain.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    fast: Any = PreTrainedTokenizerFast
    tokenizer = fast(tokenizer_object=plain, eos_token="<end>", unk_token="<unk>", pad_token="<end>")
    tokenizer.chat_template = "{% for message in messages %}{{ message.content }}{% endfor %}"
    tokenizer.save_pretrained(folder)
    config = GPT2Config(vocab_size=len(words), n_layer=1, n_head=1, n_embd=8, bos_token_id=0, eos_token_id=0)
    GPT2LMHeadModel(config).save_pretrained(folder)
