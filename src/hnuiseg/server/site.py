"""Under which names this server may be asked, and from which pages.

A page of a stranger can point a name of its own at 127.0.0.1 (DNS rebinding) or send requests with
the user's cookies (cross-site request forgery). So Host must be one of the names that were declared
at the start, and whatever changes something must say that it comes from a page of this server.
"""

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from hnuiseg.errors import WrongCall
from hnuiseg.server.door import Way
from hnuiseg.server.refusals import Refused

READING = frozenset({"GET", "HEAD"})
_LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
_DEFAULT_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Site:
    """The origins of this server, the first being the one that is printed."""

    origins: tuple[str, ...]  # scheme://host[:port], lower case

    @classmethod
    def loopback(cls, host: str, port: int, scheme: str = "http") -> "Site":
        """Every name that this machine has for itself, the bound one first."""
        names = dict.fromkeys((bracketed(host), *_LOOPBACK_NAMES))
        return cls(tuple(_origin(scheme, name, port) for name in names))

    @classmethod
    def of_tls(cls, host: str, port: int) -> "Site":
        """The bound name alone."""
        return cls((_origin("https", bracketed(host), port),))

    @classmethod
    def behind_proxy(cls, origin: str) -> "Site":
        """What a proxy shows to the world, such as https://viewer.example.org."""
        return cls((checked_origin(origin),))

    @property
    def hosts(self) -> frozenset[str]:
        """What Host may say."""
        return frozenset(origin.partition("://")[2] for origin in self.origins)

    @property
    def secure(self) -> bool:
        """Whether pages come over TLS."""
        return self.origins[0].startswith("https://")

    def check_host(self, hosts: Sequence[str]) -> None:
        """Refused unless there is one Host header and it names this server."""
        if len(hosts) != 1 or hosts[0].strip().lower() not in self.hosts:
            raise Refused(
                403,
                "foreign-host",
                "a request to another host name than this server's",
                f"the address that `hnuiseg serve` printed, {self.origins[0]}",
                "open that address; a proxy must be declared with --behind-proxy",
            )

    def check_origin(
        self, method: str, origins: Sequence[str], fetch_sites: Sequence[str], way: Way
    ) -> None:
        """Refused where a request may have been sent by another page.

        Reading is left to SameSite cookies and to the lack of any CORS header, but for what a
        browser itself calls cross-site. A change needs this server's Origin; a browser that sends
        none must say same-origin. A token in a header is proof enough by itself: no page can send
        one elsewhere.
        """
        told = [site.strip().lower() for site in fetch_sites]
        if method in READING:
            if way == "cookie" and any(site in ("cross-site", "same-site") for site in told):
                raise _foreign()
            return
        if origins:
            if len(origins) != 1 or origins[0].strip().lower() not in self.origins:
                raise _foreign()
            if told not in ([], ["same-origin"]):
                raise _foreign()
            return
        if told == ["same-origin"] or (way == "bearer" and not told):
            return
        raise _foreign()


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def is_wildcard(host: str) -> bool:
    """Whether it means every address of this machine."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        return host == ""


def checked_origin(origin: str) -> str:
    """An origin as browsers send it; WrongCall for anything else, and for http beyond loopback."""
    came = f"--behind-proxy {origin!r:.80}"
    try:
        parts = urlsplit(origin.strip().lower())
        port = parts.port
    except ValueError as error:
        raise _no_origin(came) from error
    host = parts.hostname or ""
    beyond = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme not in _DEFAULT_PORTS or not host or beyond:
        raise _no_origin(came)
    if parts.scheme == "http" and not is_loopback(host):
        raise _no_origin(came)
    return _origin(parts.scheme, bracketed(host), port or _DEFAULT_PORTS[parts.scheme])


def bracketed(host: str) -> str:
    """A host as URLs have it."""
    plain = host.strip("[]").lower()
    return f"[{plain}]" if ":" in plain else plain


def _origin(scheme: str, host: str, port: int) -> str:
    return f"{scheme}://{host}" + ("" if port == _DEFAULT_PORTS[scheme] else f":{port}")


def _no_origin(came: str) -> WrongCall:
    return WrongCall(
        came,
        "what browsers show before the first slash, such as https://viewer.example.org",
        "name the origin of a proxy that speaks TLS",
    )


def _foreign() -> Refused:
    return Refused(
        403,
        "foreign-origin",
        "a request that another page sent",
        "requests of this server's own page, or with the token as Authorization: Bearer",
        "use the page that this server shows",
    )
