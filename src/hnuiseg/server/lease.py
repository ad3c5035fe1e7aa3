"""Which of several tabs may edit: one at a time, and a second one is told so.

A lease lasts as long as its holder says that it is there. One that ran out is still its holder's
until somebody else takes it, so that a laptop that slept goes on where it was.
"""

import hmac
import secrets
from dataclasses import dataclass, field

from hnuiseg.server.refusals import Refused

LEASE_S = 60.0


@dataclass(slots=True)
class Lease:
    """The lease of one session; times are of any clock that only goes forward."""

    lasts_s: float = LEASE_S
    _token: str | None = field(default=None, repr=False)
    _until: float = 0.0

    def held(self, now: float) -> bool:
        """Whether somebody has it and was heard of lately."""
        return self._token is not None and now < self._until

    def take(self, now: float, *, over: bool = False, token: str = "") -> str:
        """A new token, or one's own again; Refused where another tab holds it, unless taken over.

        Who is taken over finds out at the next request: its token is worth nothing from then on.
        """
        if self.is_of(token):
            self.renew(token, now)
            return token
        if self.held(now) and not over:
            raise Refused(
                409,
                "held-elsewhere",
                "a session that another tab is editing",
                "one tab that edits",
                "go on in that tab, or take the session over",
            )
        self._token, self._until = secrets.token_urlsafe(24), now + self.lasts_s
        return self._token

    def renew(self, token: str, now: float) -> None:
        """Hold it longer; Refused for whoever doesn't have it."""
        self.check(token)
        self._until = now + self.lasts_s

    def check(self, token: str) -> None:
        """Refused unless this is the holder's token."""
        if not self.is_of(token):
            raise Refused(
                409,
                "not-held",
                "a change by a tab that doesn't hold this session",
                "the lease of the session, as header Hnuiseg-Lease",
                "take the session first; if another tab took it over, go on there",
            )

    def drop(self, token: str) -> None:
        """Let others have it."""
        self.check(token)
        self._token = None

    def is_of(self, token: str) -> bool:
        """Whether this is the holder's token."""
        return self._token is not None and hmac.compare_digest(
            token.encode("utf-8", "replace"), self._token.encode()
        )
