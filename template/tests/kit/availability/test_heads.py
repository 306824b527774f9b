"""What stands before the body of a request: refused where it is too much, or means two things."""

import json

import pytest
from httpx2 import AsyncClient

from tests.kit.availability.sockets import cpu_seconds, exchange, status_of
from tests.kit.problems import check
from tests.serving import Served

HOST = b"Host: x\r\n"
JSON = b"Content-Type: application/json\r\n"


def get(*headers: bytes, path: bytes = b"/health/live", version: bytes = b"1.1") -> bytes:
    return b"GET %b HTTP/%b\r\n%bConnection: close\r\n\r\n" % (path, version, b"".join(headers))


def post(*headers: bytes, path: bytes = b"/async/things", body: bytes = b"") -> bytes:
    return b"POST %b HTTP/1.1\r\n%bConnection: close\r\n\r\n%b" % (path, b"".join(headers), body)


def check_problem(answer: bytes, status: int) -> str:
    assert status_of(answer) == status, answer
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"content-type: application/problem+json" in head.lower()
    assert b"connection: close" in head.lower()
    problem = json.loads(body)
    assert problem["status"] == status
    return str(problem["detail"])


@pytest.mark.parametrize("count", [101, 10_000])
def test_too_many_headers_are_a_431(served: Served, count: int) -> None:
    answer = exchange(served, get(HOST, b"A: b\r\n" * count))
    assert "more than 100 headers" in check_problem(answer, 431)


def test_a_hundred_headers_are_not_too_many(served: Served) -> None:
    assert status_of(exchange(served, get(HOST, b"A: b\r\n" * 98))) == 200


@pytest.mark.parametrize("path", [b"/" + b"x" * 70_000, b"/?" + b"x" * 70_000])
def test_a_path_of_more_than_64_kib_is_a_431(served: Served, path: bytes) -> None:
    assert "64 KiB" in check_problem(exchange(served, get(HOST, path=path)), 431)


def test_a_path_of_60_kb_is_none(served: Served) -> None:
    assert status_of(exchange(served, get(HOST, path=b"/" + b"x" * 60_000))) == 404


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00",
        b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET / HTTP/1.1\nHost: x\n\n",
        b"GET \xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
        post(HOST, JSON, b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", body=b"0\r\n\r\n"),
        post(HOST, JSON, b"Content-Length: " + b"9" * 4301 + b"\r\n"),
    ],
    ids=["TLS", "space", "newlines", "bytes", "CONNECT", "two lengths", "digits"],
)
def test_what_is_no_http_is_a_400(served: Served, sent: bytes) -> None:
    check_problem(exchange(served, sent), 400)


def test_the_requests_before_one_that_is_refused_are_answered(served: Served) -> None:
    live = b"GET /health/live HTTP/1.1\r\nHost: x\r\n\r\n"
    answer = exchange(served, live * 3 + b"what\r\n\r\n" + live)
    assert answer.count(b"HTTP/1.1 200") == 3
    assert answer.count(b'{"status":"live"}') == 3
    assert answer.count(b"HTTP/1.1") == 3


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (get(), "There is no header host."),
        (get(HOST, HOST), "There are two headers host."),
        (
            post(HOST, JSON, b"Idempotency-Key: a\r\nIdempotency-Key: b\r\n"),
            "There are two headers idempotency-key.",
        ),
        (
            post(HOST, JSON, b"Content-Length: " + b"0" * 4300 + b"2\r\n", body=b"{}"),
            "The content-length is no number of bytes.",
        ),
        (
            get(HOST, path=b"/async/query?" + b"&" * 10_000),
            "The query has more than 1000 parameters.",
        ),
    ],
    ids=["no host", "two hosts", "two keys", "zeros", "parameters"],
)
def test_what_can_be_read_in_two_ways_is_a_400(either: Served, sent: bytes, detail: str) -> None:
    answer = exchange(either, sent)
    assert check_problem(answer, 400) == detail


async def test_two_lengths_are_a_400_where_the_server_lets_them_in(client: AsyncClient) -> None:
    """As uvicorn does with h11."""
    lengths = {"Content-Length": "2", "Transfer-Encoding": "chunked"}
    response = await client.post("/async/things", content=b"{}", headers=lengths)
    problem = check(response, 400)
    assert problem["detail"] == "There is a content-length beside a transfer-encoding."


def test_http_1_0_needs_no_host(either: Served) -> None:
    assert status_of(exchange(either, get(version=b"1.0"))) == 200


@pytest.mark.parametrize("path", [b"/async%2fthings", b"/async%2Fthings", b"/async/things%2f1"])
def test_an_encoded_slash_is_no_slash(either: Served, path: bytes) -> None:
    assert status_of(exchange(either, get(HOST, path=path))) == 404


def test_other_encoded_characters_are_what_they_stand_for(either: Served) -> None:
    assert status_of(exchange(either, get(HOST, path=b"/%61sync/things"))) == 200


@pytest.mark.parametrize("path", [b"/sync/query", b"/async/query"])
def test_parameters_hold_the_event_loop_for_less_than_100_ms(either: Served, path: bytes) -> None:
    for count, status in [(1_000, 422), (10_000, 400)]:
        query = b"&".join(b"%x" % number for number in range(count))
        before = cpu_seconds(either)
        answer = exchange(either, get(HOST, path=path + b"?" + query))
        assert status_of(answer) == status
        assert cpu_seconds(either) - before < 0.1


@pytest.mark.parametrize("path", [b"/health/live", b"/health/ready"])
def test_head_answers_as_get_does_without_a_body(either: Served, path: bytes) -> None:
    answer = exchange(either, get(HOST, path=path).replace(b"GET", b"HEAD", 1))
    assert status_of(answer) == 200
    assert answer.endswith(b"\r\n\r\n")
