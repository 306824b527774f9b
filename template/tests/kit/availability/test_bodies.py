"""No body holds the event loop: neither of many values nor of many fields, files or errors."""

import json

import pytest

from tests.kit.availability.sockets import cpu_seconds
from tests.kit.problems import check
from tests.serving import Served

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data; boundary=b"


def nested(depth: int) -> bytes:
    return b'{"anything":' + b"[" * depth + b"]" * depth + b"}"


def multipart(disposition: str, count: int) -> bytes:
    part = f"--b\r\nContent-Disposition: form-data; {disposition}\r\n\r\nx\r\n"
    return (part * count + "--b--\r\n").encode()


def dumped(**values: object) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode()


UNKNOWN = {str(number): 1 for number in range(100_000)}
FILE = 'name="files"; filename="f"'
BODIES = {
    "100,000 unknown keys": ("/lists", JSON, dumped(**UNKNOWN), 413),
    "9,990 unknown keys": ("/lists", JSON, dumped(**dict.fromkeys([*UNKNOWN][:9_990], 1)), 422),
    "100,000 wrong items": ("/lists", JSON, dumped(numbers=["x"] * 100_000), 413),
    "9,900 wrong items": ("/lists", JSON, dumped(numbers=["x"] * 9_900), 422),
    "14,700 missing fields": ("/lists", JSON, dumped(points=[{}] * 4_900), 422),
    "a depth of 400,000": ("/lists", JSON, nested(400_000), 413),
    "a depth of 102": ("/lists", JSON, nested(101), 413),
    "a depth of 100": ("/lists", JSON, nested(99), 200),
    "brackets in a string": ("/lists", JSON, dumped(anything='[{,:\\"' * 100_000), 200),
    "9,900 right items": ("/lists", JSON, dumped(anything=["x"] * 9_900), 200),
    "escapes without an end": ("/lists", JSON, b'{"anything":"' + b'\\"' * 500_000, 422),
    "large numbers": ("/lists", JSON, dumped(anything=[0]).replace(b"0", b"9" * 4_300), 400),
    "UTF-16": ("/lists", JSON, dumped(anything=[1] * 9_900).decode().encode("utf-16"), 200),
    "much UTF-16": ("/lists", JSON, dumped(anything=["x"] * 99_000).decode().encode("utf-16"), 413),
    "10,000 fields": ("/form", FORM, b"&".join(b"f%d=1" % n for n in range(10_000)), 400),
    "empty fields": ("/form", FORM, b"&" * 1_000_000, 413),
    "encoded characters": ("/form", FORM, b"number=" + b"%31" * 300_000, 413),
    "an encoded character": ("/form", FORM, b"number=%31", 200),
    "10,000 parts": ("/form", MULTIPART, multipart('name="f"', 10_000), 400),
    "10,000 files": ("/files", MULTIPART, multipart(FILE, 10_000), 400),
    "three files": ("/files", MULTIPART, multipart(FILE, 3), 200),
}


@pytest.mark.parametrize("kind", ["/sync", "/async"])
@pytest.mark.parametrize("name", BODIES)
def test_a_body_holds_the_event_loop_for_less_than_100_ms(
    served: Served, kind: str, name: str
) -> None:
    path, content_type, body, status = BODIES[name]
    taken = []
    for _ in range(3):  # a collection of garbage may fall upon one of them
        before = cpu_seconds(served)
        response = served.post(kind + path, content=body, headers={"Content-Type": content_type})
        taken.append(cpu_seconds(served) - before)
        assert response.status_code == status, response.text[:1000]
        if status != 200:
            check(response, status)
    assert min(taken) < 0.1, taken


def test_a_body_in_parts_is_held_to_the_same(served: Served) -> None:
    body = dumped(**UNKNOWN)[:1_000_000]
    parts = [body[start : start + 10_000] for start in range(0, len(body), 10_000)]
    headers = {"Content-Type": JSON}
    problem = check(served.post("/async/lists", content=iter(parts), headers=headers), 413)
    assert problem["detail"] == "The body has more than 10000 values, or is nested deeper than 100."
