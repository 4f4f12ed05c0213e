"""The guides: their links lead somewhere, their commands exist, their example runs."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType

import pytest

from core.clock import HeldClock
from core.errors import BadInput, RetryLater
from core.settings import SECRETS, Settings
from core.types import Mention
from listener.query import explain, parse
from listener.source import Context, Source
from web.cli import COMMANDS

ROOT = Path(__file__).parent.parent
GUIDES = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part == "node_modules" for part in path.relative_to(ROOT).parts)
)
NAMES = [str(path.relative_to(ROOT)) for path in GUIDES]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def anchors(guide: Path) -> set[str]:
    """The names that GitHub gives to a guide's headings."""
    headings = re.findall(r"^#+ (.+)$", guide.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("guide", GUIDES, ids=NAMES)
def test_links_lead_somewhere(guide: Path) -> None:
    for link in LINK.findall(guide.read_text(encoding="utf-8")):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (guide.parent / path).resolve() if path else guide
        assert target.exists(), f"{link} leads nowhere"
        assert not anchor or anchor in anchors(target), f"{link}: no such heading"


def test_the_readme_leads_to_every_guide() -> None:
    linked = {link.partition("#")[0] for link in LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))}
    assert {f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")} <= linked


@pytest.mark.parametrize("guide", GUIDES, ids=NAMES)
def test_commands_and_targets_in_code_exist(guide: Path) -> None:
    text = guide.read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", text, re.DOTALL))
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert set(re.findall(r"(?:^|[\s`/])ripplewatch ([a-z]+)\b", code)) <= set(COMMANDS)
    assert set(re.findall(r"(?:^|`)make ([a-z]+)\b", code, re.MULTILINE)) <= targets


@pytest.mark.parametrize("guide", GUIDES, ids=NAMES)
def test_settings_that_guides_name_exist(guide: Path) -> None:
    named = re.findall(r"`([A-Z]+(?:_[A-Z]+)+)[=`]", guide.read_text(encoding="utf-8"))
    settings = {name.upper() for name in Settings.model_fields}
    others = {f"{name.upper()}_FILE" for name in SECRETS} | {"POSTGRES_PASSWORD", "TEST_DATABASE_URL", "TEST_REDIS_URL"}
    assert set(named) <= settings | others


def test_the_queries_that_beginners_are_shown_can_be_read() -> None:
    shown = re.findall(r"^ +\| `([^`]+)` \|", (ROOT / "docs/start.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(shown) >= 5
    assert all(explain(parse(query)).startswith("Finds posts with") for query in shown)


@pytest.fixture
def example() -> ModuleType:
    """README's source, as a module."""
    [code] = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    module = ModuleType("lobsters")
    exec(compile(code, "README.md", "exec"), module.__dict__)
    return module


@pytest.fixture
def site() -> Iterator[str]:
    """A site with one story at /newest.json, and nothing anywhere else."""

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found = self.path == "/newest.json"
            self.send_response(200 if found else 503)
            self.end_headers()
            self.wfile.write(STORY if found else b"")

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


STORY = b"""[{"short_id": "abc123", "created_at": "2026-11-20T09:30:00.000-06:00", "title": "Acme lost my parcel",
"submitter_user": "jo", "short_id_url": "https://lobste.rs/s/abc123", "score": 3}]"""


def made(module: ModuleType, url: str) -> Source:
    source: Source = module.SOURCE(Context({"url": url}, Settings(), HeldClock()))
    return source


def test_the_source_in_the_readme_says_all_that_a_source_must(example: ModuleType) -> None:
    wanted = {name for name in vars(Source) if not name.startswith("_")} | set(Source.__annotations__)
    assert not [name for name in wanted if not hasattr(example.SOURCE, name)]


def test_the_source_in_the_readme_hears(example: ModuleType, site: str) -> None:
    source = made(example, f"{site}/newest.json")
    [mention] = source.fetch(None).mentions
    source.close()
    assert isinstance(mention, Mention)
    assert (mention.native_id, mention.author.handle, mention.text) == ("abc123", "jo", "Acme lost my parcel")
    assert mention.created_at.isoformat() == "2026-11-20T09:30:00-06:00"


def test_the_source_in_the_readme_sorts_its_errors(example: ModuleType, site: str) -> None:
    source = made(example, f"{site}/nothing-here")
    with pytest.raises(RetryLater, match="503"):
        source.fetch(None)
    source.close()
    with pytest.raises(BadInput, match="url"):
        made(example, "")
