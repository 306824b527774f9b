"""A request that would be another protocol is answered in the one it came in."""

import pytest
from websockets.sync.client import connect

from tests.kit.availability.sockets import exchange, status_of
from tests.serving import Served

UPGRADE = b"Host: x\r\nConnection: Upgrade, close\r\nUpgrade: %b\r\n"
WEBSOCKET = b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
BODY = b'{"name": "a lamp"}'


@pytest.mark.parametrize("kind", ["sync", "async"])
@pytest.mark.parametrize("protocol", [b"websocket", b"h2c", b"TLS/1.0"])
@pytest.mark.parametrize("chunked", [False, True])
def test_a_post_with_an_upgrade_is_done_with_its_body(
    served: Served, kind: str, protocol: bytes, chunked: bool
) -> None:
    head = b"POST /%b/things HTTP/1.1\r\n" % kind.encode() + UPGRADE % protocol
    head += b"Content-Type: application/json\r\n"
    if chunked:
        sent = b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)
    else:
        sent = b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY)
    assert status_of(exchange(served, head + sent, timeout=5)) == 201


@pytest.mark.parametrize("more", [b"", WEBSOCKET, b"Content-Length: 2\r\n"])
def test_a_get_with_an_upgrade_is_answered(served: Served, more: bytes) -> None:
    sent = b"GET /health/live HTTP/1.1\r\n%b%b\r\n{}" % (UPGRADE % b"websocket", more)
    assert status_of(exchange(served, sent, timeout=5)) == (403 if more == WEBSOCKET else 200)


def test_what_is_connected_to_is_no_proxy(served: Served) -> None:
    answer = exchange(served, b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", timeout=5)
    assert status_of(answer) == 400


def test_a_websocket_works(served: Served) -> None:
    url = str(served.base_url.join("/echo")).replace("http", "ws", 1)
    with connect(url) as websocket:
        websocket.send("a lamp")
        assert websocket.recv() == "a lamp"
