"""What every answer carries: what a page may do, and that nobody keeps a copy."""

_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",  # the page draws on plain canvases: no WebAssembly, no workers
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}

SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"content-security-policy", "; ".join(f"{k} {v}" for k, v in _POLICY.items()).encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
    (b"cache-control", b"no-store"),  # of everything: images, names and positions are patients'
)


def with_security(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, ours in the place of any of the same name."""
    ours = {name for name, _ in SECURITY}
    kept = [(name, value) for name, value in headers if name.lower() not in ours]
    return [*kept, *SECURITY]
