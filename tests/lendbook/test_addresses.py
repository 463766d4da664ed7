"""Where a request comes from: the socket's word, or what trusted proxies saw, read from the right."""

import pytest

from lendbook.addresses import address_of, counted_as, fault_of

ONE, LAN = ["127.0.0.1"], ["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"]
CASES = [
    # (trusted proxies, who calls, X-Forwarded-For, TLS, the address)
    ([], "203.0.113.7", "", False, "203.0.113.7"),
    ([], "203.0.113.7", "1.2.3.4", False, "203.0.113.7"),
    ([], "127.0.0.1", "1.2.3.4", False, "127.0.0.1"),
    ([], "127.0.0.1", "1.2.3.4, 5.6.7.8", True, "5.6.7.8"),
    ([], "127.0.0.1", "", True, "127.0.0.1"),
    ([], "127.0.0.1", "nonsense", True, "127.0.0.1"),
    (ONE, "127.0.0.1", "5.6.7.8", False, "5.6.7.8"),
    (ONE, "127.0.0.1", "5.6.7.8", True, "5.6.7.8"),
    (ONE, "127.0.0.1", "1.2.3.4, 5.6.7.8", False, "5.6.7.8"),  # the left one anybody can have written
    (ONE, "127.0.0.1", "127.0.0.1, 5.6.7.8", False, "5.6.7.8"),
    (ONE, "127.0.0.1", "", False, "127.0.0.1"),
    (ONE, "127.0.0.1", " , ", False, "127.0.0.1"),
    (ONE, "203.0.113.7", "5.6.7.8", False, "203.0.113.7"),  # not through the proxy
    (ONE, "203.0.113.7", "5.6.7.8", True, "203.0.113.7"),
    (ONE, "127.0.0.1", "<script>", False, "127.0.0.1"),
    (ONE, "127.0.0.1", "5.6.7.8, unknown", False, "127.0.0.1"),
    (ONE, "127.0.0.1", "5.6.7.8:49152", False, "5.6.7.8"),
    (ONE, "127.0.0.1", "[2001:db8::7]:443", False, "2001:db8::7"),
    (ONE, "127.0.0.1", "2001:db8::7", False, "2001:db8::7"),
    (ONE, "::ffff:127.0.0.1", "5.6.7.8", False, "5.6.7.8"),
    (ONE, "", "5.6.7.8", False, ""),
    (LAN, "10.0.0.5", "5.6.7.8, 10.0.0.9", False, "5.6.7.8"),
    (LAN, "10.0.0.5", "1.2.3.4, 5.6.7.8, 10.0.0.9, 127.0.0.1", False, "5.6.7.8"),
    (LAN, "10.0.0.5", "10.0.0.9, 10.0.0.8", False, "10.0.0.9"),  # all of them trusted: the first in the row
    (LAN, "10.0.0.5", "garbage, 10.0.0.8", False, "10.0.0.8"),
    (LAN, "2001:db8::1", "198.51.100.1", False, "198.51.100.1"),
    (LAN, "11.0.0.5", "5.6.7.8", False, "11.0.0.5"),
]


@pytest.mark.parametrize(("trusted", "socket", "told", "tls", "address"), CASES)
def test_a_caller_is_told_apart_as_far_as_trusted_proxies_saw_him(rf, settings, trusted, socket, told, tls, address):
    settings.TRUSTED_PROXIES = trusted
    headers = {"HTTP_X_FORWARDED_FOR": told} if told else {}
    assert address_of(rf.get("/", secure=tls, REMOTE_ADDR=socket, **headers)) == address


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::9", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
        ("testserver", "testserver"),
    ],
)
def test_an_ipv6_address_counts_as_its_network(address, name):
    assert counted_as(address) == name


def test_a_setting_that_is_no_address_is_named():
    assert fault_of(["127.0.0.1", "10.0.0.0/8", "::1"]) == ""
    assert fault_of(["127.0.0.1", "proxy.example"]) == "proxy.example"
