"""Addresses of services: what a key belongs to, and where what is sent there can be read on its way."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

# Networks of a home, an office, a lab: RFC 1918, RFC 3927, RFC 4193, RFC 4291.
_PRIVATE = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
# What only a network of one's own resolves: RFC 6762, RFC 8375, and what ICANN has reserved or routers use.
_PRIVATE_ENDS = (".local", ".lan", ".internal", ".home.arpa")
_NUMBER = re.compile(r"(0x[0-9a-f]*|\d+)", re.IGNORECASE)  # an address of four bytes, as some systems read it


def origin(address: str) -> str:
    """Scheme, host and port of an address: what a key belongs to."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.lower()}"


@lru_cache(maxsize=256)  # asked for each request, of few addresses
def is_loopback(address: str) -> bool:
    """Whether an address is on this machine."""
    host = _host(address)
    number = _ip_address(host)
    return host == "localhost" or (number is not None and number.is_loopback)


def is_private(address: str) -> bool:
    """Whether an address is in a network of one's own, by its number or its name.

    A name without a dot is: nobody else can have it. What is a number in another form is not.
    """
    from ipaddress import ip_network

    host = _host(address)
    if (number := _ip_address(host)) is not None:
        return any(number in ip_network(network) for network in _PRIVATE)
    if "." not in host:
        return bool(host) and ":" not in host and not _NUMBER.fullmatch(host)
    return host.removesuffix(".").endswith(_PRIVATE_ENDS)


def is_exposed(address: str) -> bool:
    """Whether what goes to an address goes over a network, and is not encrypted."""
    return urlsplit(address).scheme != "https" and not is_loopback(address)


def _host(address: str) -> str:
    return (urlsplit(address).hostname or "").lower()


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    from ipaddress import ip_address

    try:
        number = ip_address(host)
    except ValueError:
        return None
    return getattr(number, "ipv4_mapped", None) or number
