"""Who may do what for which brand: the one place that answers it.

A user's own role holds for every brand of which no Membership of theirs says otherwise. What belongs to no brand
(people, the switch that stops sending, a source that many brands' queries read) asks for the role for all brands.

    manager   looks                       approver   also gives the second word where a reply needs one
    agent     also answers                admin      also sets up
    none      nothing: as the role for all brands it leaves those that memberships name, as a membership it keeps out
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, false, func, select, true
from sqlalchemy.orm import Session

from core.tables import NO_ROLE, ROLES, Membership, User

MAY_DO: Mapping[str, tuple[str, ...]] = {
    NO_ROLE: (NO_ROLE,),
    "manager": (NO_ROLE, "manager"),
    "agent": (NO_ROLE, "manager", "agent"),
    "approver": (NO_ROLE, "manager", "agent", "approver"),
    "admin": (NO_ROLE, *ROLES),
}
"""What each role may do: everything that the roles named here may."""

_Column = SQLColumnExpression[int] | SQLColumnExpression[int | None]


@dataclass(frozen=True, slots=True)
class Rights:
    """The role of one user for all brands, and those for single ones, by the brand's id."""

    role: str = NO_ROLE
    by_brand: Mapping[int, str] = field(default_factory=dict)

    def of(self, brand_id: int | None) -> str:
        """The role for a brand; None is what belongs to no brand."""
        return self.role if brand_id is None else self.by_brand.get(brand_id, self.role)

    def may(self, role: str, brand_id: int | None = None) -> bool:
        """Whether they may do for this brand what `role` may; without a brand, for all."""
        return role in MAY_DO[self.of(brand_id)]

    def anywhere(self, role: str) -> bool:
        """Whether they may do for any brand what `role` may."""
        return any(role in MAY_DO[one] for one in (self.role, *self.by_brand.values()))

    @property
    def sees_all(self) -> bool:
        """Whether no brand is hidden from them."""
        return all("manager" in MAY_DO[one] for one in (self.role, *self.by_brand.values()))

    def sees_source_of(self, brand_id: int | None) -> bool:
        """Whether a source shows itself to them: a brand's own to who sees the brand, one for all to everybody."""
        return self.anywhere("manager") if brand_id is None else self.may("manager", brand_id)

    def brands(self, column: _Column, role: str = "manager") -> ColumnElement[bool]:
        """The condition that a column names a brand for which they may do what `role` may."""
        may = {brand_id for brand_id, one in self.by_brand.items() if role in MAY_DO[one]}
        if role in MAY_DO[self.role]:
            shut = sorted(self.by_brand.keys() - may)
            return column.not_in(shut) if shut else true()
        return column.in_(sorted(may)) if may else false()


EVERYTHING = Rights("admin")
"""What the service itself may, and whoever runs its commands."""


def rights_of(db: Session, user: User) -> Rights:
    """The rights of a user; none once they are shut out."""
    if not user.active:
        return Rights()
    rows = select(Membership.brand_id, Membership.role).where(Membership.user_id == user.id)
    return Rights(user.role, {row.brand_id: row.role for row in db.execute(rows)})


def holds(role: str, brand_id: int | ColumnElement[int]) -> ColumnElement[bool]:
    """The condition on a User that they may come in, and may do for a brand what `role` may."""
    own = (
        select(Membership.role).where(Membership.user_id == User.id, Membership.brand_id == brand_id).scalar_subquery()
    )
    able = [name for name, may in MAY_DO.items() if role in may]
    return and_(User.active, func.coalesce(own, User.role).in_(able))


def give(db: Session, user_id: int, brand_id: int, role: str | None) -> None:
    """Let a user have this role for one brand; None: the one that they have for all."""
    row = db.get(Membership, (user_id, brand_id))
    if row is not None and role is None:
        db.delete(row)
    elif row is not None and role is not None:
        row.role = role
    elif role is not None:
        db.add(Membership(user_id=user_id, brand_id=brand_id, role=role))
    db.flush()


def is_only_admin(db: Session, user: User) -> bool:
    """Whether nobody would be left who may set up everything if this user no longer could."""
    others = select(func.count()).where(User.role == "admin", User.active, User.id != user.id)
    return user.active and user.role == "admin" and not db.scalar(others)
