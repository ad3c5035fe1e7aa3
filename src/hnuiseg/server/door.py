"""Who may come in: a token in the printed URL, turned into a cookie that scripts can't read.

The token is drawn anew at every start and printed once. A browser trades it for a cookie of
another value by a GET that redirects to the URL without it, so that neither history nor referrer
keep what opens the door; programs send it as `Authorization: Bearer`. All comparisons take the same
time wherever two values differ.
"""

import hmac
import secrets
from dataclasses import dataclass, field
from typing import Literal

_BYTES = 32  # 256 bits: nobody guesses that
_BEARER = "bearer "

Way = Literal["cookie", "bearer"]


@dataclass(frozen=True, slots=True)
class Door:
    """Two secrets, and the name of the cookie."""

    token: str = field(repr=False)
    cookie: str = field(repr=False)
    cookie_name: str
    secure: bool  # the cookie travels over TLS alone

    @classmethod
    def new(cls, port: int, *, secure: bool) -> "Door":
        """Fresh secrets. Cookies know no ports: the name tells two servers of a machine apart."""
        name = f"{'__Host-' if secure else ''}hnuiseg-{port}"
        return cls(secrets.token_urlsafe(_BYTES), secrets.token_urlsafe(_BYTES), name, secure)

    def knows(self, token: str) -> bool:
        """Whether this is the token."""
        return _same(token, self.token)

    def way_in(self, cookies: str, authorization: str) -> Way | None:
        """How a request may come in, by its Cookie and Authorization headers; None: it may not."""
        if authorization[: len(_BEARER)].lower() == _BEARER and self.knows(
            authorization[len(_BEARER) :].strip()
        ):
            return "bearer"
        for part in cookies.split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie_name and _same(value, self.cookie):
                return "cookie"
        return None

    def set_cookie(self) -> str:
        """The header that hands the cookie out; it ends with the browser."""
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie_name}={self.cookie}; Path=/; HttpOnly; SameSite=Strict{secure}"


def _same(given: str, secret: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), secret.encode())
