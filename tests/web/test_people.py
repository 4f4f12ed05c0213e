"""People come in by a link of their own, and can be shut out."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import select

from core.tables import User
from tests.web.stories import add_brand
from tests.web.visitor import Visitor, words


def _invite(admin: Visitor, name: str = "Bo", role: str = "agent") -> str:
    page = admin.post("/people", {"name": name, "role": role})
    assert page.status_code == 201
    return page.text.split('id="link" readonly value="http://localhost')[1].split('"')[0]


def _token(visitor: Visitor, path: str) -> str:
    return visitor.client.get(path).text.split('name="csrf_token" value="')[1].split('"')[0]


def test_somebody_new_chooses_a_password_and_is_in(app: Flask, admin: Visitor) -> None:
    path, guest = _invite(admin), Visitor(app, admin.runtime)
    assert "Welcome, Bo" in words(guest.get(path))
    joined = guest.client.post(path, data={"csrf_token": _token(guest, path), "password": "long enough now"})
    assert joined.location == "/"
    assert guest.get("/").status_code == 200
    assert guest.get("/people").status_code == 403


def test_the_link_works_once(app: Flask, admin: Visitor) -> None:
    path, guest = _invite(admin), Visitor(app, admin.runtime)
    token = _token(guest, path)
    guest.client.post(path, data={"csrf_token": token, "password": "long enough now"})
    other = Visitor(app, admin.runtime)
    assert other.get(path).status_code == 404


@pytest.mark.parametrize("path", ["/join/nonsense", "/join/WzEsMV0.x.y"])
def test_a_made_up_link_opens_nothing(stranger: Visitor, path: str) -> None:
    assert stranger.get(path).status_code == 404


def test_a_short_password_does_not_use_the_link_up(app: Flask, admin: Visitor) -> None:
    path, guest = _invite(admin), Visitor(app, admin.runtime)
    refused = guest.client.post(path, data={"csrf_token": _token(guest, path), "password": "short"})
    assert refused.status_code == 422
    assert guest.get(path).status_code == 200


def test_a_forgotten_password_is_chosen_anew(app: Flask, admin: Visitor) -> None:
    _invite(admin)
    with admin.runtime.db.read() as db:
        bo = db.scalars(select(User.id).where(User.name == "Bo")).one()
    page = admin.post(f"/people/{bo}/link")
    assert "A link for Bo" in words(page)


def test_whoever_is_shut_out_cannot_use_their_link(app: Flask, admin: Visitor) -> None:
    path = _invite(admin)
    with admin.runtime.db.read() as db:
        bo = db.scalars(select(User.id).where(User.name == "Bo")).one()
    admin.post(f"/people/{bo}", {"role": "agent", "active": "0"})
    assert Visitor(app, admin.runtime).get(path).status_code == 404
    assert "Let in again" in words(admin.get("/people"))


@pytest.mark.parametrize("data", [{"role": "agent"}, {"role": "admin", "active": "0"}])
def test_the_last_admin_stays(admin: Visitor, data: dict[str, str]) -> None:
    answer = admin.post(f"/people/{admin.user_id}", data)
    assert answer.status_code == 422
    assert "is the only admin" in words(answer)
    with admin.runtime.db.read() as db:
        row = db.get_one(User, admin.user_id)
        assert (row.role, row.active) == ("admin", True)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        ({"name": "", "role": "agent"}, "Enter a name"),
        ({"name": "Ada", "role": "agent"}, "Somebody has this name already"),
        ({"name": "Bo", "role": "owner"}, "Choose a role"),
    ],
)
def test_a_wrong_person_is_told(admin: Visitor, data: dict[str, str], why: str) -> None:
    answer = admin.post("/people", data)
    assert answer.status_code == 422
    assert why in words(answer)


def test_an_invitation_is_shown_and_can_be_withdrawn(app: Flask, admin: Visitor) -> None:
    path, guest = _invite(admin), Visitor(app, admin.runtime)
    assert "not yet: invited" in words(admin.get("/people"))
    with admin.runtime.db.read() as db:
        bo = db.scalars(select(User.id).where(User.name == "Bo")).one()
    admin.post(f"/people/{bo}/withdraw")
    assert guest.get(path).status_code == 404
    with admin.runtime.db.read() as db:
        assert db.get(User, bo) is None


def test_who_has_come_in_is_not_withdrawn_but_shut_out(app: Flask, admin: Visitor) -> None:
    path, guest = _invite(admin), Visitor(app, admin.runtime)
    guest.client.post(path, data={"csrf_token": _token(guest, path), "password": "long enough now"})
    with admin.runtime.db.read() as db:
        bo = db.scalars(select(User.id).where(User.name == "Bo")).one()
    admin.post(f"/people/{bo}/withdraw")
    assert guest.get("/").status_code == 200


def test_an_invitation_may_be_for_one_brand_alone(admin: Visitor) -> None:
    add_brand(admin.runtime, "Acme")
    nothing = admin.post("/people", {"name": "Bo", "role": "none"})
    assert "for at least one of them" in words(nothing)
    assert admin.post("/people", {"name": "Bo", "role": "none", "brand-1": "approver"}).status_code == 201
    assert "Acme : approver" in words(admin.get("/people")).replace("Acme:", "Acme :")
