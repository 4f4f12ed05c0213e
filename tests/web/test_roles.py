"""Roles by brand: every address is knocked at by people of every role, for a brand of theirs and for one that is not.

What somebody may not see is not found, what they may only see is refused; so a new page cannot forget to ask.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from sqlalchemy import select
from werkzeug.routing import Rule

from core import roles
from core.clock import HeldClock
from core.db import Database
from core.roles import Rights
from core.runtime import Runtime
from core.settings import Settings
from core.tables import (
    NO_ROLE,
    ROLES,
    Alert,
    AlertRule,
    Brand,
    Channel,
    Delivery,
    Gap,
    Incident,
    KnownIssue,
    Match,
    Mention,
    Note,
    PlaybookEntry,
    Query,
    Team,
    Topic,
    User,
)
from tests.conftest import NudgeList
from tests.web.stories import add_brand, add_case, add_source, add_user
from tests.web.visitor import Visitor, words
from web.app import create_app
from web.auth import needed_role
from web.of_brand import OF_NO_BRAND, WAYS

THEIRS, HIDDEN = "Hawkweed", "Thornfield"
Named = Mapping[str, Mapping[str, object]]
_UNUSED = create_app(Runtime(Settings(secret_key="k"), Database("sqlite://"), HeldClock(), NudgeList()))


def _of_brand() -> list[tuple[str, Rule]]:
    """Every method and rule whose address names something of a brand."""
    found = []
    for rule in _UNUSED.url_map.iter_rules():
        if rule.arguments & WAYS.keys():
            found += [(method, rule) for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})]
    return sorted(found, key=lambda one: (one[1].rule, one[0]))


def _lists() -> list[str]:
    """Every page without a name in its address that somebody who may only look gets to see."""
    with _UNUSED.app_context():
        return sorted(
            rule.rule
            for rule in _UNUSED.url_map.iter_rules()
            if not rule.arguments and "GET" in (rule.methods or ()) and needed_role(rule.endpoint, "GET") == "manager"
        )


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runtime]:
    """Two brands with one of everything each, under the same words but for the brand's name."""
    settings = Settings(ripplewatch_home=tmp_path_factory.mktemp("home"))
    database = Database(settings.database)
    database.prepare()
    runtime = Runtime(settings, database, HeldClock(), NudgeList())
    for name in (THEIRS, HIDDEN):
        _fill(runtime, name)
    yield runtime
    database.close()


def _fill(runtime: Runtime, name: str) -> None:
    now, slug = runtime.clock.now(), add_brand(runtime, name)
    with runtime.db.read() as db:
        brand_id = db.scalars(select(Brand.id).where(Brand.slug == slug)).one()
    source_id = add_source(runtime, "feed", f"feed of {name}", brand_id=brand_id, state="paused", reason=f"{name} key")
    case_id = add_case(runtime, f"secret of {name}", brand=name, mention={"source_id": source_id}, source=None)
    with runtime.db.write() as db:
        mention_id = db.scalars(select(Mention.id).where(Mention.source_id == source_id)).one()
        times = dict.fromkeys(("began_at", "noticed_at", "last_at", "changed_at"), now)
        entry = {"brand_id": brand_id, "name": f"entry of {name}", "text": f"words of {name}", "changed_at": now}
        db.add_all(
            (
                Match(mention_id=mention_id, brand_id=brand_id),
                Query(brand_id=brand_id, name=f"query of {name}", text=name, created_at=now),
                PlaybookEntry(**entry),
                Gap(source_id=source_id, start=now, end=now, reason=f"gap of {name}"),
                Team(brand_id=brand_id, name=f"team of {name}", created_at=now),
                Note(case_id=case_id, text=f"note of {name}", at=now),
                KnownIssue(brand_id=brand_id, name=f"issue of {name}", opened_at=now),
                Topic(brand_id=brand_id, name=f"topic of {name}", query=name, created_at=now),
                Incident(name=f"incident of {name}", brand_id=brand_id, origin="likeness", **times),
            )
        )
        channel = Channel(name=f"channel of {name}", kind="slack_webhook", brand_id=brand_id, created_at=now)
        said = {"severity": "high", "words": f"alert of {name}", "at": now, "changed_at": now}
        alert = Alert(kind="breach", subject_id=case_id, brand_id=brand_id, **said)
        db.add_all((channel, alert))
        db.flush()
        db.add(AlertRule(brand_id=brand_id, channel_id=channel.id, kinds=["incident"], created_at=now))
        db.add(Delivery(alert_id=alert.id, channel_id=channel.id, due=now))


@pytest.fixture(scope="module")
def named(world: Runtime) -> Named:
    """What stands in the addresses of what is of each brand."""
    return {name: _values(world, name) for name in (THEIRS, HIDDEN)}


def _values(runtime: Runtime, name: str) -> dict[str, object]:
    with runtime.db.read() as db:
        brand = db.scalars(select(Brand).where(Brand.name == name)).one()
        values: dict[str, object] = {"slug": brand.slug, "brand_id": brand.id}
        for argument, row in (("entry_id", PlaybookEntry), ("query_id", Query), ("team_id", Team)):
            values[argument] = db.scalars(select(row.id).where(row.brand_id == brand.id)).first()
    values |= {one: 1 if name == THEIRS else 2 for one in WAYS if one not in values} | {
        "mention_id": values["brand_id"]
    }
    return values | {"user_id": 1, "kind": "feed", "verb": "claim", "token": "x", "reply_id": 1, "chart": "mentions"}


def _address(rule: Rule, values: Mapping[str, object]) -> str:
    """The address of the rule for what has these names."""
    given = {one: values[one] for one in rule.arguments}
    return _UNUSED.url_map.bind("").build(rule.endpoint, given, method=_method(rule))


def _method(rule: Rule) -> str:
    return next(iter((rule.methods or {"GET"}) - {"HEAD", "OPTIONS"}))


@pytest.fixture(scope="module")
def people(world: Runtime) -> dict[str, Visitor]:
    """Somebody of every role, who has it for the one brand and nothing else; and somebody kept out of the other."""
    app = create_app(world)
    found: dict[str, Visitor] = {}
    for role in ROLES:
        visitor = Visitor(app, world).sign_in(NO_ROLE, f"{role} of one")
        kept_out = Visitor(app, world).sign_in(role, f"{role} of all but one")
        with world.db.write() as db:
            slugs = {brand.name: brand.id for brand in db.scalars(select(Brand))}
            roles.give(db, visitor.user_id, slugs[THEIRS], role)
            roles.give(db, kept_out.user_id, slugs[HIDDEN], NO_ROLE)
        found |= {role: visitor, f"{role} kept out": kept_out}
    return found


def test_every_name_in_an_address_is_known() -> None:
    named = set().union(*(rule.arguments for rule in _UNUSED.url_map.iter_rules()))
    assert named <= WAYS.keys() | OF_NO_BRAND.keys()
    assert len(_of_brand()) > 30


@pytest.mark.parametrize("kept_out", ["", " kept out"])
@pytest.mark.parametrize("role", ROLES)
def test_what_is_of_another_brand_is_not_there(
    named: Named, people: dict[str, Visitor], role: str, kept_out: str
) -> None:
    visitor, token = people[role + kept_out], people[role + kept_out].token()
    for method, rule in _of_brand():
        with _UNUSED.app_context():
            need = needed_role(rule.endpoint, method)
        if need is None or rule.endpoint.startswith("people."):
            continue
        path = _address(rule, named[HIDDEN])
        answer = visitor.client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        everywhere = getattr(_UNUSED.view_functions[rule.endpoint], "everywhere", False)
        too_little = need not in roles.MAY_DO[role] or (everywhere and not kept_out)
        assert answer.status_code == (403 if too_little else 404), f"{method} {path}"
        assert HIDDEN not in answer.text


@pytest.mark.parametrize("role", [role for role in ROLES if role != "admin"])
def test_what_one_may_only_see_is_refused(named: Named, people: dict[str, Visitor], role: str) -> None:
    visitor, token = people[role], people[role].token()
    for method, rule in _of_brand():
        with _UNUSED.app_context():
            need = needed_role(rule.endpoint, method)
        if need is None or need in roles.MAY_DO[role]:
            continue
        path = _address(rule, named[THEIRS])
        answer = visitor.client.open(path, method=method, data={"csrf_token": token} if method == "POST" else None)
        assert answer.status_code == 403, f"{method} {path}"


@pytest.mark.parametrize("role", ["manager", "manager kept out"])
def test_what_one_may_see_is_shown(named: Named, people: dict[str, Visitor], role: str) -> None:
    for method, rule in _of_brand():
        with _UNUSED.app_context():
            need = needed_role(rule.endpoint, method)
        if method == "GET" and need == "manager":
            path = _address(rule, named[THEIRS])
            assert people[role].get(path).status_code == 200, path


@pytest.mark.parametrize("role", [*ROLES, *(f"{role} kept out" for role in ROLES)])
@pytest.mark.parametrize(
    "path", [*_lists(), "/people", "/search?q=secret", "/?text=secret&state=all", "/sources/new/feed"]
)
def test_no_list_tells_of_another_brand(people: dict[str, Visitor], role: str, path: str) -> None:
    answer = people[role].get(path)
    assert answer.status_code in {200, 403, 404}
    assert HIDDEN.casefold() not in answer.text.casefold()


def test_a_list_tells_of_ones_own(people: dict[str, Visitor]) -> None:
    for path in ("/", "/brands/", "/playbook/", "/sources/", "/coverage/"):
        assert THEIRS in words(people["manager"].get(path)), path


def test_a_query_is_tried_on_what_one_may_see(people: dict[str, Visitor]) -> None:
    page = people["admin"].post("/brands/hawkweed/preview", {"text": "secret"})
    assert "secret of Hawkweed" in page.text
    assert HIDDEN not in page.text


def test_who_has_no_role_at_all_sees_their_account_only(world: Runtime) -> None:
    visitor = Visitor(create_app(world), world).sign_in(NO_ROLE, "nobody yet")
    assert visitor.get("/account").status_code == 200
    assert visitor.get("/").status_code == 403


def test_a_source_for_all_is_added_by_admins_of_all_alone(people: dict[str, Visitor]) -> None:
    admin = people["admin"]
    feed = {"name": "ours", "feed_url": "https://blog.example/feed.xml"}
    assert "Choose the brand that it belongs to" in words(admin.post("/sources/new/feed", feed))
    refused = admin.post("/sources/new/feed", feed | {"brand": "thornfield"})
    assert "There is no such brand for you to set up" in words(refused)


@pytest.mark.parametrize(
    ("rights", "brand_id", "may"),
    [
        (Rights("agent"), 1, True),
        (Rights("agent", {1: NO_ROLE}), 1, False),
        (Rights("agent", {1: "manager"}), 1, False),
        (Rights(NO_ROLE, {1: "agent"}), 1, True),
        (Rights(NO_ROLE, {1: "agent"}), 2, False),
        (Rights(NO_ROLE, {1: "admin"}), None, False),
    ],
)
def test_a_membership_overrides_the_role_for_all(rights: Rights, brand_id: int | None, may: bool) -> None:
    assert rights.may("agent", brand_id) is may


def test_rows_are_chosen_as_rights_say(runtime: Runtime) -> None:
    """The same question, asked of the database: of brands for a user, and of users for a brand."""
    slugs = [add_brand(runtime, name) for name in ("One", "Two", "Three")]
    given = {"Ana": ("agent", {}), "Bo": (NO_ROLE, {0: "approver"}), "Cy": ("admin", {1: NO_ROLE, 2: "manager"})}
    with runtime.db.write() as db:
        ids = [db.scalars(select(Brand.id).where(Brand.slug == slug)).one() for slug in slugs]
    for name, (role, by_brand) in given.items():
        user_id = add_user(runtime, name, role)
        with runtime.db.write() as db:
            for place, one in by_brand.items():
                roles.give(db, user_id, ids[place], one)
    with runtime.db.read() as db:
        for user in db.scalars(select(User)):
            rights = roles.rights_of(db, user)
            for role in ROLES:
                chosen = set(db.scalars(select(Brand.id).where(rights.brands(Brand.id, role))))
                assert chosen == {one for one in ids if rights.may(role, one)}
                for brand_id in ids:
                    able = set(db.scalars(select(User.name).where(roles.holds(role, brand_id))))
                    assert (user.name in able) is rights.may(role, brand_id)


def test_an_admin_of_a_brand_gives_roles_there_and_nowhere_else(world: Runtime, people: dict[str, Visitor]) -> None:
    admin, other = people["admin"], people["agent"].user_id
    page = admin.get("/people")
    assert "Invite somebody" not in words(page)
    assert admin.post("/people", {"name": "New", "role": "admin"}).status_code == 403
    assert admin.post(f"/people/{other}", {"role": "admin"}).status_code == 403
    assert admin.post(f"/people/{other}/brands/thornfield", {"role": "agent"}).status_code == 404
    assert admin.post(f"/people/{other}/brands/hawkweed", {"role": "approver"}).status_code == 302
    assert "approver" in words(admin.get("/people"))
    with world.db.write() as db:
        brand = db.scalars(select(Brand).where(Brand.name == THEIRS)).one()
        assert roles.rights_of(db, db.get_one(User, other)).of(brand.id) == "approver"
        roles.give(db, other, brand.id, "agent")


def test_an_admin_of_a_brand_does_not_shut_out_one_of_all(world: Runtime, people: dict[str, Visitor]) -> None:
    everywhere = people["admin kept out"].user_id
    refused = people["admin"].post(f"/people/{everywhere}/brands/hawkweed", {"role": NO_ROLE})
    assert refused.status_code == 422
    assert "Only another one can change that" in words(refused)
