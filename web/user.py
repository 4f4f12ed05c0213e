"""Who is signed in, as the pages know them."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.orm import Session

from core.tables import ROLES, User

MAY_DO = {"reader": ("reader",), "agent": ("reader", "agent"), "admin": ROLES}
"""What each role may do: everything that the roles named here may."""


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A signed-in user. `session_key` is part of the session, so that a new one ends all old sessions."""

    id: int
    name: str
    role: str
    session_key: str

    is_authenticated = True
    is_active = True
    is_anonymous = False

    def get_id(self) -> str:
        """What the session remembers."""
        return f"{self.id}.{self.session_key}"

    def may(self, role: str) -> bool:
        """Whether this user may do what `role` may."""
        return role in MAY_DO[self.role]


def signed_in(row: User) -> SignedIn:
    """The user of a row."""
    return SignedIn(row.id, row.name, row.role, row.session_key)


def of_session(db: Session, remembered: str) -> SignedIn | None:
    """The user that a session remembers; None once they were removed or signed out everywhere."""
    number, _, key = remembered.partition(".")
    row = db.get(User, int(number)) if number.isdecimal() else None
    return signed_in(row) if row and row.active and row.session_key == key else None
