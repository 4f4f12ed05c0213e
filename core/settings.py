"""Every setting of the service: one frozen object, from the environment and `.env`, built once per process.

A secret NAME may also be given as NAME_FILE, the path of a file that holds it. An empty value is the same as none.
A wrong value stops the start and names the setting. What each setting means stands in its description;
`.env.example` repeats them all.
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, DotEnvSettingsSource, PydanticBaseSettingsSource, SettingsConfigDict

from core.errors import SettingError


class Settings(BaseSettings):
    """See the module. Field names are the environment's names in lower case."""

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    ripplewatch_home: Path = Field(
        default_factory=lambda: Path(platformdirs.user_data_dir("ripplewatch", appauthor=False)),
        description="Folder for the SQLite database, the outbox file and the generated session key.",
    )
    database_url: str = Field(
        "",
        repr=False,
        description="Empty for SQLite in RIPPLEWATCH_HOME, or postgresql+psycopg://user:password@host/name.",
    )
    redis_url: str = Field(
        "", repr=False, description="Empty for one process with worker threads, or redis://host:6379/0 for RQ workers."
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        description="Signs sessions; the same for all web processes. Empty: made once and kept in RIPPLEWATCH_HOME.",
    )
    credentials_key: SecretStr = Field(
        SecretStr(""),
        description="Encrypts keys and tokens of sources; the same for all processes. Empty: made once and kept in "
        "RIPPLEWATCH_HOME.",
    )
    public_url: str = Field(
        "", description="Address under which people reach the pages, for links and secure cookies: https://..."
    )
    host: str = Field("127.0.0.1", description="Address that the web page listens on.")
    port: int = Field(8000, ge=0, le=65535, description="Port that the web page listens on.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="How much is logged.")
    log_format: Literal["text", "json"] = Field("text", description="text for people, json for log collectors.")
    sweep_seconds: float = Field(
        15, gt=0, le=3600, description="How often each stage looks for work that no nudge told it of."
    )
    model: str = Field(
        "bundled", description="bundled, lexicon, or a Hugging Face text-classification id or folder (needs torch)."
    )
    model_threads: int = Field(0, ge=0, le=256, description="Threads of the model; 0 takes the machine's cores.")
    outbox_file: Path | None = Field(
        None, description="JSON Lines file that the files replier appends to. Empty: outbox.jsonl in RIPPLEWATCH_HOME."
    )
    bluesky_jetstream_url: str = Field(
        "wss://jetstream2.us-east.bsky.network/subscribe", description="Jetstream host of the bluesky source."
    )
    bluesky_second_url: str = Field(
        "wss://jetstream1.us-west.bsky.network/subscribe",
        description="Jetstream host that the bluesky source turns to when the first is silent.",
    )
    bluesky_api_url: str = Field(
        "https://bsky.social",
        description="Bluesky server of the bluesky source's account, for search and notifications.",
    )
    bluesky_public_url: str = Field(
        "https://public.api.bsky.app",
        description="Where the bluesky source reads, without an account, how often posts were passed on.",
    )
    x_api_url: str = Field("https://api.x.com", description="X's API, for the x source.")
    reddit_url: str = Field("https://www.reddit.com", description="Reddit, where the reddit source gets its tokens.")
    reddit_oauth_url: str = Field("https://oauth.reddit.com", description="Reddit's API, for the reddit source.")
    mastodon_url: str = Field(
        "https://mastodon.social", description="Mastodon server of a mastodon source that names none of its own."
    )
    youtube_api_url: str = Field(
        "https://www.googleapis.com/youtube/v3", description="YouTube's Data API, for the youtube source."
    )
    google_token_url: str = Field(
        "https://oauth2.googleapis.com/token", description="Where the youtube source's channel gets its tokens."
    )
    microsoft_login_url: str = Field(
        "https://login.microsoftonline.com",
        description="Where the email source gets its tokens for mailboxes of Microsoft 365.",
    )
    hackernews_url: str = Field(
        "https://hn.algolia.com/api/v1", description="Algolia's Hacker News API, for the hackernews source."
    )
    slack_api_url: str = Field("https://slack.com/api/", description="Slack's API, for alerts.")
    canary_hours: float = Field(
        24,
        ge=0,
        le=720,
        description="How often each source is checked end to end with a message to ourselves; 0: never.",
    )
    feed_max_bytes: int = Field(5_000_000, gt=0, description="A feed larger than this is refused.")
    feed_allow_networks: str = Field(
        "",
        description="Private networks that feeds may be fetched from all the same, as 10.1.0.0/16,127.0.0.1/32.",
    )

    writer_url: str = Field(
        "",
        description="Chat endpoint that may suggest replies when somebody asks for one, any that speaks OpenAI's "
        "protocol, as http://localhost:11434/v1. Empty: none, or the local WRITER_MODEL.",
    )
    writer_model: str = Field(
        "",
        description="Model of WRITER_URL; without one a Hugging Face text-generation id or folder (needs torch).",
    )
    writer_key: SecretStr = Field(SecretStr(""), description="Key of WRITER_URL, where it asks for one.")

    @field_validator("database_url")
    @classmethod
    def _known_database(cls, value: str) -> str:
        if value and not value.startswith(("sqlite:", "postgresql+psycopg:")):
            raise ValueError("must start with sqlite: or postgresql+psycopg:")
        return value

    @field_validator("redis_url")
    @classmethod
    def _known_redis(cls, value: str) -> str:
        if value and not value.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("must start with redis://, rediss:// or unix://")
        return value

    @field_validator("writer_url", "slack_api_url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        if value and not value.startswith(("http://", "https://")):
            raise ValueError("must start with http:// or https://")
        return value

    @field_validator("feed_allow_networks")
    @classmethod
    def _known_networks(cls, value: str) -> str:
        for network in value.split(",") if value.strip() else ():
            ipaddress.ip_network(network.strip())
        return value

    @property
    def feed_networks(self) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
        """The private networks that feeds may be fetched from."""
        return tuple(ipaddress.ip_network(one.strip()) for one in self.feed_allow_networks.split(",") if one.strip())

    @property
    def database(self) -> str:
        """The database's URL, with the default filled in."""
        return self.database_url or f"sqlite:///{self.ripplewatch_home / 'ripplewatch.sqlite'}"

    @property
    def pages_url(self) -> str:
        """Where people reach the pages: PUBLIC_URL, or this machine."""
        host = "127.0.0.1" if self.host in {"", "0.0.0.0", "::"} else self.host  # noqa: S104 - compared, not bound
        host = f"[{host}]" if ":" in host else host
        return self.public_url.rstrip("/") or f"http://{host}:{self.port}"

    @property
    def outbox(self) -> Path:
        """The file that the files replier appends to, with the default filled in."""
        return self.outbox_file or self.ripplewatch_home / "outbox.jsonl"

    @property
    def distributed(self) -> bool:
        """Whether stages are RQ workers rather than threads of this process."""
        return bool(self.redis_url)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Also read NAME_FILE for every secret; the plain name wins."""
        del file_secret_settings
        return init_settings, env_settings, dotenv_settings, _SecretFiles(settings_cls, dotenv_settings)


SECRETS = tuple(
    name for name, field in Settings.model_fields.items() if field.annotation is SecretStr or not field.repr
)
"""Names of the settings that are or hold secrets: they may come as NAME_FILE and never reach a log or page."""


class _SecretFiles(PydanticBaseSettingsSource):
    """Reads each secret from the file that NAME_FILE names, as Docker and Kubernetes mount them."""

    def __init__(self, settings_cls: type[BaseSettings], dotenv: PydanticBaseSettingsSource) -> None:
        super().__init__(settings_cls)
        written = dotenv.env_vars if isinstance(dotenv, DotEnvSettingsSource) else {}
        self._paths = {name.upper(): path for name, path in (*written.items(), *os.environ.items())}

    def get_field_value(self, field: Any, field_name: str) -> tuple[Any, str, bool]:
        """The secret's value, or None where no NAME_FILE is set."""
        del field
        path = self._paths.get(f"{field_name.upper()}_FILE")
        if not path:
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            raise SettingError(f"{field_name.upper()}_FILE: cannot read {path}: {error}") from error

    def __call__(self) -> dict[str, Any]:
        """All secrets that were given as files."""
        found = {name: self.get_field_value(None, name)[0] for name in SECRETS}
        return {name: value for name, value in found.items() if value is not None}


def load(overrides: Mapping[str, object] | None = None) -> Settings:
    """Build the settings from the environment and `.env`; `overrides` (by field name) win.

    Raises SettingError that names every wrong setting and never repeats a secret's value.
    """
    try:
        return Settings(**dict(overrides or {}))  # type: ignore[arg-type]
    except UnicodeDecodeError as error:
        raise SettingError(f".env is not UTF-8 text ({error.reason} at byte {error.start})") from None
    except ValidationError as error:
        problems = (f"{'.'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in error.errors(include_input=False))
        raise SettingError("wrong setting " + "; ".join(problems)) from None
