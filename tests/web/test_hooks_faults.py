"""A sender that keeps what was not answered, and sends it again, loses and doubles nothing, whatever goes wrong."""

from __future__ import annotations

import json
import random
import socket
from collections import deque
from collections.abc import Callable
from urllib.parse import urlsplit

import httpx2
import pytest

from core import tables
from core.clock import HeldClock
from core.runtime import Runtime
from core.tls import trusted
from listener.sources.webhook import signed
from tests.listener import made
from tests.web.test_hooks import SECRET, add_webhook, item, served
from web.app import create_app

WRONG = "wrong horse battery staple"


class Sender:
    """Another program with items to post: it takes them off its list only when they were answered with 200."""

    def __init__(self, runtime: Runtime, address: str, source_id: int, chance: random.Random) -> None:
        self.runtime, self.url, self.source_id, self.chance = runtime, f"{address}/hooks/{source_id}", source_id, chance
        self.left: deque[dict[str, object]] = deque()
        self.requests = 0
        self.statuses = set[int]()

    def post(self, body: bytes, secret: str = SECRET, late: float = 0) -> int:
        """Post a body; the status of the answer."""
        headers = signed(secret, body, self.runtime.clock.now())
        if late:
            assert isinstance(self.runtime.clock, HeldClock)
            self.runtime.clock.advance(late)
        self.requests += 1
        answer = httpx2.post(self.url, content=body, headers=headers, timeout=30, verify=trusted())
        self.statuses.add(answer.status_code)
        return answer.status_code

    def batch(self) -> bytes:
        """The next items, up to ten of them."""
        return json.dumps([self.left[n] for n in range(min(len(self.left), self.chance.randrange(1, 11)))]).encode()

    def send(self) -> None:
        """Post all that is left, batch after batch."""
        while self.left:
            body = self.batch()
            assert self.post(body) == 200
            for _ in json.loads(body):
                self.left.popleft()

    def cut(self) -> None:
        """Half of a request, and the connection is gone."""
        body = self.batch()
        head = [f"POST {urlsplit(self.url).path} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}"]
        head += [f"{name}: {value}" for name, value in signed(SECRET, body, self.runtime.clock.now()).items()]
        with socket.create_connection(("127.0.0.1", urlsplit(self.url).port or 0)) as connection:
            connection.sendall("\r\n".join([*head, "", ""]).encode() + body[: len(body) // 2])
            connection.shutdown(socket.SHUT_WR)
            connection.settimeout(30)
            assert b" 200 " not in connection.recv(200)

    def turned_off(self) -> None:
        self._switch(active=False)
        assert self.post(self.batch()) == 503
        self._switch(active=True)

    def _switch(self, *, active: bool) -> None:
        with self.runtime.db.write() as db:
            db.get_one(tables.Source, self.source_id).active = active

    def faults(self) -> dict[str, Callable[[], object]]:
        """What can go wrong, by name."""
        return {
            "the answer is lost": lambda: self.post(self.batch()),
            "the request is cut": self.cut,
            "the secret is wrong": lambda: self.post(self.batch(), secret=WRONG),
            "it comes too late": lambda: self.post(self.batch(), late=301),
            "half of the JSON": lambda: self.post(self.batch()[:-5]),
            "one of them is bad": lambda: self.post(json.dumps([self.left[0], {"id": "bad"}]).encode()),
            "turned off": self.turned_off,
            "out of order": lambda: self.chance.shuffle(self.left),
            "twice in one": lambda: self.post(json.dumps([self.left[0]] * 2).encode()),
            "nothing in it": lambda: self.post(b"[]"),
        }


@pytest.mark.parametrize("seed", [1, 2])
def test_through_all_faults_every_item_is_stored_once(sqlite_runtime: Runtime, seed: int) -> None:
    chance = random.Random(seed)
    with served(create_app(sqlite_runtime)) as address:
        sender = Sender(sqlite_runtime, address, add_webhook(sqlite_runtime), chance)
        names = list(sender.faults()) * 3
        chance.shuffle(names)
        assert len(names) >= 20
        served_items = 0
        for name in names:
            for _ in range(chance.randrange(1, 15)):
                sender.left.append(item(served_items))
                served_items += 1
            sender.faults()[name]()
            if chance.random() < 0.7:  # otherwise one fault comes upon the other
                sender.send()
        sender.send()
    assert sorted(int(row.native_id) for row in made.mentions(sqlite_runtime)) == list(range(served_items))
    assert sender.statuses == {200, 400, 401, 503}
    assert sender.requests <= served_items + 2 * len(names)


def test_ten_thousand_items_in_a_burst_are_all_stored(sqlite_runtime: Runtime) -> None:
    source_id = add_webhook(sqlite_runtime)
    client = create_app(sqlite_runtime).test_client()
    for first in range(0, 10_000, 1_000):
        body = json.dumps([item(number) for number in range(first, first + 1_000)]).encode()
        answer = client.post(f"/hooks/{source_id}", data=body, headers=signed(SECRET, body, sqlite_runtime.clock.now()))
        assert answer.json
        assert answer.json["new"] == 1_000
    assert len({row.native_id for row in made.mentions(sqlite_runtime)}) == 10_000
