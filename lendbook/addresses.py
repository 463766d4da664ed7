"""Where a request comes from: what the socket says, or what proxies that are trusted saw.

X-Forwarded-For is read from the right, since each proxy writes behind what it was told: the first address that is no
trusted proxy's is the caller's. What stands left of it anybody can have written.
"""

import functools
import ipaddress

from django.conf import settings

_IPV6_OF_ONE = 64  # whoever has one IPv6 address has the 2^64 beside it


def address_of(request) -> str:
    """The caller's address as text; behind a TLS proxy, without TRUSTED_PROXIES, what that proxy saw itself."""
    socket = request.META.get("REMOTE_ADDR", "")
    told = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if not settings.TRUSTED_PROXIES:
        # The proxy that speaks TLS for us is believed already when it says so.
        return (_plain(told[-1]) or socket) if told and request.is_secure() else socket
    if not _is_trusted(socket):
        return socket
    seen = socket
    for part in reversed(told):
        address = _plain(part)
        if not address:
            return seen  # nonsense: whoever wrote it is the last that is known
        seen = address
        if not _is_trusted(address):
            return address
    return seen


def counted_as(address: str) -> str:
    """The name under which an address is counted: an IPv6 address counts as its network of 64 bits."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ipaddress.ip_network((found, _IPV6_OF_ONE), strict=False)) if found.version == 6 else str(found)


def _plain(text):
    """An address as a proxy writes it, without brackets and port; "" for what is none."""
    for candidate in (text, text.partition("]")[0].lstrip("["), text.rpartition(":")[0]):
        try:
            return str(ipaddress.ip_address(candidate))
        except ValueError:
            continue
    return ""


def _is_trusted(text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address in network for network in _networks(tuple(settings.TRUSTED_PROXIES)))


@functools.lru_cache(maxsize=8)
def _networks(names):
    return [ipaddress.ip_network(name, strict=False) for name in names]


def fault_of(names) -> str:
    """Which of the settings' names is no address or network; "" where all are."""
    for name in names:
        try:
            ipaddress.ip_network(name, strict=False)
        except ValueError:
            return name
    return ""
