"""Who may act where: dated grants, as the log tells them."""

import msgspec

from domain.events import GrantGiven, GrantRevoked


class Grant(msgspec.Struct, frozen=True, omit_defaults=True):
    """One right of a subject, from `since` until `until` (ms; None: without an end)."""

    role: str
    scope: str
    since: int
    until: int | None = None

    def holds(self, at: int) -> bool:
        """Return whether the right is in force at an instant."""
        return self.since <= at and (self.until is None or at < self.until)


def give(held: tuple[Grant, ...], event: GrantGiven) -> tuple[Grant, ...]:
    """Return the subject's grants with this one, which replaces an older one of the same role and scope."""
    grant = Grant(role=event.role, scope=event.scope, since=event.since, until=event.until)
    return (*revoke(held, event), grant)


def revoke(held: tuple[Grant, ...], event: GrantGiven | GrantRevoked) -> tuple[Grant, ...]:
    """Return the subject's grants without those of this role and scope."""
    return tuple(grant for grant in held if (grant.role, grant.scope) != (event.role, event.scope))
