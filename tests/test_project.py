"""The ground around the code: settings all written down, services that are real, nothing of anyone's machine."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import SecretStr

from core.settings import SECRETS, Settings, load
from web.cli import COMMANDS

ROOT = Path(__file__).parent.parent
SERVICES = ["postgres", "redis", "migrate", "listener", "sentiment", "responder", "web"]
PARTS = SERVICES[2:]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


# Settings ------------------------------------------------------------------------------------------------------------


def entry(name: str) -> str:
    """How .env.example must show a setting: its description, where it may come from, its default."""
    field = Settings.model_fields[name]
    default = field.get_default()
    default = default.get_secret_value() if isinstance(default, SecretStr) else default
    shown = "" if default is None else str(default).lower() if isinstance(default, bool) else str(default)
    file = f" {name.upper()}_FILE may name a file that holds it." if name in SECRETS else ""
    return f"{field.description}{file} {name.upper()}={'' if field.default_factory else shown}"


def test_env_example_holds_every_setting_with_its_description_and_default() -> None:
    blocks = read(".env.example").split("\n\n")[1:]
    shown = [re.sub(r"\s*\n#\s*", " ", "\n" + block.strip()).strip() for block in blocks]
    assert shown == [entry(name) for name in Settings.model_fields]


def test_env_example_with_every_sign_taken_away_is_what_one_has_anyway() -> None:
    before = load()
    Path(".env").write_text(re.sub(r"^#(?=[A-Z_]+=)", "", read(".env.example"), flags=re.MULTILINE), encoding="utf-8")
    assert load() == before


# The services --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded = yaml.safe_load(read("docker-compose.yml"))
    assert isinstance(loaded, dict)
    return loaded


def test_the_services_bear_the_names_of_the_folders(compose: dict[str, Any]) -> None:
    assert list(compose["services"]) == SERVICES
    assert all((ROOT / name).is_dir() for name in PARTS[1:])


@pytest.mark.parametrize("part", PARTS)
def test_a_part_runs_a_real_command_in_a_closed_box(compose: dict[str, Any], part: str) -> None:
    service = compose["services"][part]
    assert service["command"][0] == "ripplewatch"
    assert service["command"][1] in COMMANDS
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])


@pytest.mark.parametrize("part", PARTS[1:])
def test_a_part_waits_for_the_tables_and_starts_again_by_itself(compose: dict[str, Any], part: str) -> None:
    service = compose["services"][part]
    assert service["depends_on"]["migrate"] == {"condition": "service_completed_successfully"}
    assert service["restart"] == "unless-stopped"


@pytest.mark.parametrize("part", PARTS)
def test_a_part_takes_every_setting_from_env(compose: dict[str, Any], part: str) -> None:
    image = {"ripplewatch_home", "host", "port"}  # which the image and the published port decide
    wanted = {name.upper() for name in set(Settings.model_fields) - image}
    assert set(compose["services"][part]["environment"]) == wanted


def test_only_the_pages_are_published_and_only_to_this_machine(compose: dict[str, Any]) -> None:
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"web": ["127.0.0.1:${PORT:-8000}:8000"]}


@pytest.mark.parametrize("server", ["postgres", "redis"])
def test_servers_are_waited_for_until_they_answer(compose: dict[str, Any], server: str) -> None:
    assert compose["services"][server]["healthcheck"]["test"]
    waits = {name: service.get("depends_on", {}) for name, service in compose["services"].items()}
    assert {"condition": "service_healthy"} in [on.get(server) for on in waits.values()]


def test_docker_compose_accepts_the_file() -> None:
    tool = compose_tool()
    if tool is None:
        pytest.skip("neither `docker compose` nor docker-compose is installed here (.ci/run installs one)")
    subprocess.run([*tool, "-f", str(ROOT / "docker-compose.yml"), "config", "-q"], check=True, timeout=60)


def compose_tool() -> list[str] | None:
    if shutil.which("docker"):
        asked = subprocess.run(["docker", "compose", "version"], check=False, capture_output=True, timeout=60)
        if asked.returncode == 0:
            return ["docker", "compose"]
    return ["docker-compose"] if shutil.which("docker-compose") else None


def test_the_image_is_built_from_hashes_and_runs_without_rights() -> None:
    build, final = re.split(r"(?m)^FROM (?=\S+$)", read("Dockerfile"))[-2:]
    assert "--require-hashes -r requirements.lock" in build
    assert re.search(r"(?m)^USER ripplewatch$", final)
    assert "/healthz" in final.partition("HEALTHCHECK")[2]
    assert not re.search(r"apt-get|\bpip\b|gcc", final)


@pytest.mark.parametrize(("status", "well"), [(200, True), (503, False)])
def test_the_image_asks_its_own_pages_whether_they_are_well(status: int, well: bool) -> None:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            del format, args

    check = json.loads(read("Dockerfile").partition("HEALTHCHECK")[2].partition("CMD ")[2].partition("\n")[0])
    server = HTTPServer(("127.0.0.1", 0), Pages)
    thread = threading.Thread(target=server.handle_request)
    thread.start()
    environment = os.environ | {"PORT": str(server.server_port)}
    asked = subprocess.run([sys.executable, *check[1:]], env=environment, check=False, capture_output=True, timeout=60)
    thread.join()
    server.server_close()
    assert (check[0], asked.returncode == 0) == ("python", well)


def test_the_image_holds_every_folder_that_is_installed() -> None:
    folders = tomllib.loads(read("pyproject.toml"))["tool"]["setuptools"]["packages"]["find"]["include"]
    for name in (folder.rstrip("*") for folder in folders):
        assert f"COPY {name} {name}\n" in read("Dockerfile")
        assert f"!{name}\n" in read(".dockerignore")


# What a fresh clone begins with --------------------------------------------------------------------------------------


def test_make_alone_explains_every_target() -> None:
    targets = re.findall(r"(?m)^\.PHONY: (.+)$", read("Makefile"))[0].split()
    said = subprocess.run(["make", "-C", str(ROOT)], capture_output=True, text=True, check=True, timeout=60).stdout
    assert re.findall(r"(?m)^  make (\S+) +\S", said) == targets


def test_an_old_python_is_told_so(tmp_path: Path) -> None:
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    shutil.copy(ROOT / "requirements.lock", tmp_path)
    command = ["make", "-C", str(tmp_path), "setup", "PYTHON=false"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0
    assert "Ripplewatch needs Python 3.11 or newer, and false is not." in done.stdout
    assert "make setup PYTHON=python3" in done.stdout


def test_ci_runs_what_the_readme_names() -> None:
    subprocess.run(["bash", "-n", str(ROOT / ".ci/run")], check=True, timeout=60)
    for command in ("make check", "make test"):
        assert re.search(rf"(?m)^{command}$", read(".ci/run"))
        assert command in read("README.md") + read("CONTRIBUTING.md")


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_hold_every_dependency_with_hashes_and_say_nothing_of_where_they_were_made(lock: str) -> None:
    project = tomllib.loads(read("pyproject.toml"))
    asked = project["project"]["dependencies"] + (project["dependency-groups"]["dev"] if "dev" in lock else [])
    names = {re.split(r"[\[><=,; ]", one)[0].lower().replace(".", "-") for one in asked}
    entries = re.split(r"\n(?=\S)", read(lock).strip())
    assert names <= {line.partition("==")[0] for line in entries}
    assert not [line for line in entries if "--hash=sha256:" not in line]
    assert "://" not in read(lock)
    assert not [line for line in entries if line.startswith(("torch==", "nvidia"))]


def test_the_newest_version_stands_in_the_changes() -> None:
    version = tomllib.loads(read("pyproject.toml"))["project"]["version"]
    assert re.findall(r"(?m)^## (\S+)", read("CHANGELOG.md"))[0] == version


def test_the_licence_is_apache_2() -> None:
    assert "Apache License\n                           Version 2.0, January 2004" in read("LICENSE")


def test_nothing_tells_of_a_machine_that_it_was_made_on() -> None:
    place = re.compile(r"(?<![\w.*~/-])/(?:home|Users|root|work|mnt)/[\w.]")
    suffixes = {".py", ".md", ".toml", ".lock", ".yml", ".html", ".js", ".css", ".json", ".jsonl", ".example", ""}
    found = [
        f"{path.relative_to(ROOT)}: {line.strip()[:100]}"
        for path in ROOT.rglob("*")
        if path.is_file() and path.suffix in suffixes and not hidden(path)
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
        if place.search(line)
    ]
    assert found == []


def hidden(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") and part != ".ci" for part in parts[:-1]) or "egg-info" in str(path)
