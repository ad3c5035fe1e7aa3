"""Where the server listens. Beyond this machine only with TLS, or behind a proxy that has it."""

import ssl
from dataclasses import dataclass
from pathlib import Path

from hnuiseg.errors import WrongCall
from hnuiseg.server.site import Site, bracketed, checked_origin, is_loopback, is_wildcard

DEFAULT_PORT = 8321
_PORTS = (0, 65535)


@dataclass(frozen=True, slots=True)
class Binding:
    """An address that may be listened on; WrongCall for one that would show patients in clear."""

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT  # 0: any that is free
    tls_cert: Path | None = None
    tls_key: Path | None = None
    proxy: str | None = None  # the origin that a proxy shows

    def __post_init__(self) -> None:
        if not _PORTS[0] <= self.port <= _PORTS[1]:
            raise WrongCall(f"--port {self.port}", "0 (any) to 65535", "name another port")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise WrongCall(
                "one of --tls-cert and --tls-key", "both, or neither", "name the other file too"
            )
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise WrongCall(
                    f"there is no file {path.name!r:.80}",
                    "certificate and key as PEM files",
                    "check the path",
                )
        if self.proxy is not None:
            if self.tls_cert is not None:
                raise WrongCall(
                    "--behind-proxy with --tls-cert", "one of the two", "let the proxy speak TLS"
                )
            checked_origin(self.proxy)
        elif self.tls_cert is None and not is_loopback(self.host):
            raise WrongCall(
                f"--host {self.host!r:.80} without TLS: others could read patients' images",
                "127.0.0.1, or --tls-cert with --tls-key, or --behind-proxy ORIGIN",
                "leave --host out to serve this machine alone",
            )
        elif self.tls_cert is not None and is_wildcard(self.host):
            raise WrongCall(
                f"--host {self.host!r:.80} names no address that a browser could ask for",
                "one name or address of this machine, as in the certificate",
                "name it with --host",
            )

    @property
    def tls(self) -> bool:
        """Whether this server speaks TLS itself."""
        return self.tls_cert is not None

    def check_certificate(self) -> None:
        """WrongCall where certificate and key aren't a pair that can be used without a password."""
        if self.tls_cert is None:
            return
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self.tls_cert, self.tls_key, password="")  # asks nobody
        except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
            raise WrongCall(
                f"--tls-cert {self.tls_cert.name!r:.80} with its --tls-key can't be used "
                f"({getattr(error, 'reason', None) or getattr(error, 'strerror', None) or 'TLS'})",
                "a certificate and its own key without a password, as PEM files",
                "check both files",
            ) from error

    def site(self, port: int) -> Site:
        """The names that this server goes by, at the port that was found."""
        if self.proxy is not None:
            return Site.behind_proxy(self.proxy)
        if is_loopback(self.host):
            return Site.loopback(self.host, port, "https" if self.tls else "http")
        return Site.of_tls(bracketed(self.host), port)
