"""Who comes in, under which name, from which page, and where a server may listen. No network."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hnuiseg.errors import WrongCall
from hnuiseg.server.binding import Binding
from hnuiseg.server.door import Door
from hnuiseg.server.refusals import Refused
from hnuiseg.server.site import Site, is_loopback

DOOR = Door.new(8321, secure=False)
SITE = Site.loopback("127.0.0.1", 8321)
texts = st.text(st.characters(max_codepoint=0x2FF), max_size=60)


def test_secrets_are_drawn_anew_and_long() -> None:
    other = Door.new(8321, secure=False)
    secrets = {DOOR.token, DOOR.cookie, other.token, other.cookie}
    assert len(secrets) == 4
    assert min(map(len, secrets)) >= 43  # 256 bits in base 64
    assert not any(secret in repr(DOOR) for secret in secrets)


@given(cookies=texts, authorization=texts)
def test_law_nothing_but_the_secrets_opens(cookies: str, authorization: str) -> None:
    assert DOOR.way_in(cookies, authorization) is None
    assert not DOOR.knows(cookies)


def test_a_token_is_no_cookie_and_a_cookie_no_token() -> None:
    name = DOOR.cookie_name
    assert DOOR.way_in(f"a=b; {name}={DOOR.cookie}", "") == "cookie"
    assert DOOR.way_in("", f"bearer {DOOR.token}") == "bearer"
    assert DOOR.way_in(f"{name}={DOOR.token}", f"Bearer {DOOR.cookie}") is None
    assert DOOR.way_in(f"other={DOOR.cookie}", "") is None
    assert DOOR.way_in("", DOOR.token) is None


@pytest.mark.parametrize("secure", [True, False])
def test_the_cookie_is_strict_and_out_of_reach_of_scripts(secure: bool) -> None:
    name, *rest = Door.new(5, secure=secure).set_cookie().split("; ")
    assert name.startswith("__Host-hnuiseg-5=" if secure else "hnuiseg-5=")
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(rest)
    assert ("Secure" in rest) == secure


@given(host=texts)
def test_law_no_other_host_name_is_answered(host: str) -> None:
    if host.strip().lower() in SITE.hosts:
        return
    with pytest.raises(Refused) as refused:
        SITE.check_host([host])
    assert refused.value.status == 403


@pytest.mark.parametrize("hosts", [[], ["127.0.0.1:8321", "127.0.0.1:8321"], ["127.0.0.1"]])
def test_a_host_is_named_once_and_with_its_port(hosts: list[str]) -> None:
    with pytest.raises(Refused):
        SITE.check_host(hosts)


@given(
    method=st.sampled_from(["POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    origin=st.none() | texts | st.just("null") | st.just("http://127.0.0.1:9999"),
    fetch_site=st.sampled_from([None, "cross-site", "same-site", "none", "same-origin"]),
)
def test_law_a_change_by_cookie_comes_from_our_own_page(
    method: str, origin: str | None, fetch_site: str | None
) -> None:
    """No way but Origin = ours, or none with a browser's word that it is the same origin."""
    origins = [] if origin is None else [origin]
    sites = [] if fetch_site is None else [fetch_site]
    if not origins and fetch_site == "same-origin":
        SITE.check_origin(method, origins, sites, "cookie")
        return
    with pytest.raises(Refused):
        SITE.check_origin(method, origins, sites, "cookie")


def test_our_own_page_may_change_things() -> None:
    for origin in SITE.origins:
        SITE.check_origin("POST", [origin], ["same-origin"], "cookie")
        SITE.check_origin("POST", [origin], [], "cookie")
        with pytest.raises(Refused):
            SITE.check_origin("POST", [origin], ["cross-site"], "cookie")


def test_a_program_with_the_token_needs_no_origin_but_may_not_bring_another() -> None:
    SITE.check_origin("POST", [], [], "bearer")
    with pytest.raises(Refused):
        SITE.check_origin("POST", ["https://evil.example"], [], "bearer")
    with pytest.raises(Refused):
        SITE.check_origin("POST", [], ["cross-site"], "bearer")


def test_reading_across_sites_is_refused_with_a_cookie() -> None:
    SITE.check_origin("GET", [], [], "cookie")
    SITE.check_origin("GET", [], ["none"], "cookie")
    with pytest.raises(Refused):
        SITE.check_origin("GET", [], ["cross-site"], "cookie")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])
def test_beyond_this_machine_nothing_is_served_in_clear(host: str) -> None:
    with pytest.raises(WrongCall, match="without TLS"):
        Binding(host)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "localhost", "::1"])
def test_loopback_is_served(host: str) -> None:
    assert is_loopback(host)
    site = Binding(host).site(8321)
    assert not site.secure
    for told in (f"[{host}]:8321" if ":" in host else f"{host}:8321", "localhost:8321"):
        site.check_host([told])


def test_tls_needs_both_files_and_a_name(tmp_path: Path) -> None:
    cert, key = tmp_path / "c.pem", tmp_path / "k.pem"
    cert.touch()
    key.touch()
    bound = Binding("viewer.example.org", 443, cert, key)
    with pytest.raises(WrongCall, match=r"c\.pem.* can't be used"):
        bound.check_certificate()
    Binding().check_certificate()
    site = bound.site(443)
    assert site.origins == ("https://viewer.example.org",)
    with pytest.raises(WrongCall, match="both"):
        Binding("192.0.2.1", tls_cert=cert)
    with pytest.raises(WrongCall, match="names no address"):
        Binding("0.0.0.0", tls_cert=cert, tls_key=key)
    with pytest.raises(WrongCall, match="no file"):
        Binding("192.0.2.1", tls_cert=cert, tls_key=tmp_path / "none.pem")


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://Viewer.Example.org/", "viewer.example.org"),
        ("https://viewer.example.org:8443", "viewer.example.org:8443"),
        ("http://localhost:80", "localhost"),
        ("https://[2001:db8::1]", "[2001:db8::1]"),
    ],
)
def test_a_declared_proxy_is_the_only_name(origin: str, host: str) -> None:
    site = Binding("0.0.0.0", proxy=origin).site(8321)
    assert site.hosts == {host}


@pytest.mark.parametrize(
    "origin",
    ["http://viewer.example.org", "viewer.example.org", "https://", "https://a/b", "https://a:x",
     "https://u@a", "ftp://a", "https://a?b"],
)  # fmt: skip
def test_what_is_no_origin_is_refused(origin: str) -> None:
    with pytest.raises(WrongCall):
        Binding(proxy=origin)
