"""Steady light traffic over a real socket, and what became of each request."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import httpx2

WORK = [(method, path) for path in ("/sync", "/async") for method in ("GET", "POST")]


@dataclass
class Answer:
    path: str
    status: int
    begun: float
    seconds: float
    retry_after: str | None

    @property
    def ended(self) -> float:
        return self.begun + self.seconds


@dataclass
class Traffic:
    url: httpx2.URL
    answers: list[Answer] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    clients: list[threading.Lock] = field(default_factory=list)

    def ask(self, client: httpx2.Client, method: str, path: str) -> None:
        begun = time.monotonic()
        try:
            response = client.request(method, path)
        except httpx2.HTTPError as error:
            self.errors.append(error)
            return
        seconds = time.monotonic() - begun
        retry_after = response.headers.get("Retry-After")
        answer = Answer(path, response.status_code, begun, seconds, retry_after)
        self.answers.append(answer)

    def keep_asking(self, method: str, path: str) -> None:
        asking = threading.Lock()
        self.clients.append(asking)
        with httpx2.Client(base_url=self.url, timeout=30) as client:
            while not self.stopped.wait(0.05):
                with asking:
                    self.ask(client, method, path)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """A moment in which no request is under way."""
        with ExitStack() as stack:
            for client in self.clients:
                stack.enter_context(client)
            yield

    def of(self, *paths: str) -> list[Answer]:
        return [answer for answer in self.answers if answer.path in paths]

    def since(self, moment: float) -> list[Answer]:
        return [answer for answer in self.answers if answer.begun > moment]


@contextmanager
def traffic(client: httpx2.Client) -> Iterator[Traffic]:
    running = Traffic(client.base_url)
    asked = [*WORK, ("GET", "/health/live"), ("GET", "/health/ready")]
    threads = [threading.Thread(target=running.keep_asking, args=request) for request in asked]
    for thread in threads:
        thread.start()
    try:
        yield running
    finally:
        running.stopped.set()
        for thread in threads:
            thread.join()


def statuses(traffic: Traffic, *paths: str) -> Counter[int]:
    answers = traffic.of(*paths) if paths else traffic.answers
    return Counter(answer.status for answer in answers)
