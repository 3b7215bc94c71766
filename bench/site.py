"""The site's application with a large store, on one core: searching, recording, every page, eight browsers, memory.

The store is that of `site_store`, served by `site_server`; times are those of a browser on another core of the same
machine, from the request to the last byte of the answer. Recording is counted until the answer, which comes after the
fsync. `page_p99` is the worst of all GET pages, and one line for each page names them all.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Final

from bench.site_browser import Answer, Browser
from bench.site_pages import CLOSED_DAY, addresses
from bench.site_server import processor_seconds, resident_bytes, served
from bench.site_store import LOGIN, PEOPLE, doses_of_day, make_store, open_store
from edge.workflow.export_doses import EXPORT_DAYS
from tests.edge.clinic import villager
from tests.edge.station import DAY

SEARCH_TARGET: Final = 0.050
RECORD_TARGET: Final = 0.050
PAGE_TARGET: Final = 0.150
RSS_TARGET: Final = 150_000_000
EXPORT_TARGET: Final = 15.0
EXPORT_RSS_TARGET: Final = 100_000_000
_BROWSERS: Final = 8
_EXPORT_ROWS: Final = 100_000
_LOOK_SECONDS: Final = 0.1
_WAIT: Final = threading.Event()

Line = dict[str, object]


@dataclass(frozen=True, slots=True)
class Effort:
    """How often each thing is done."""

    searches: int = 500
    doses: int = 400
    each_page: int = 100
    each_browser: int = 60


@dataclass(slots=True)
class Crowd:
    """What several browsers at once came to."""

    seconds: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def measure(people: int = PEOPLE, effort: Effort | None = None) -> Iterator[Line]:
    """Yields the lines, for a store of so many people."""
    wanted = effort or Effort()
    # Not the system's temporary directory, which may be memory, where an fsync costs nothing.
    cache = Path(".cache")
    cache.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache) as name:
        directory = Path(name)
        make_store(directory, people)
        texts = _texts(directory, wanted.searches)
        with served(directory) as (process, port), closing(Browser(port)) as browser:
            browser.sign_in(LOGIN)
            yield _searches(browser, process, texts)
            yield from _pages(browser, process, addresses(directory, people), each=wanted.each_page)
            yield _records(browser, process, range(wanted.doses))
            yield _crowd(port, texts, wanted, first=wanted.doses)
            yield _line("rss_node", resident_bytes(process), RSS_TARGET, scale=1e-6, unit="MB resident, after all that")
            yield from _export(browser, process, people)


def _searches(browser: Browser, process: int, texts: Sequence[str]) -> Line:
    for text in texts[:20]:
        browser.post("/reception/find", {"card": text})
    asked = [partial(browser.post, "/reception/find", {"card": text}) for text in texts]
    return _latency("site_search", asked, process, target=SEARCH_TARGET, what="number, phone, name or words")


def _records(browser: Browser, process: int, numbers: range) -> Line:
    asked = [partial(_record, browser, number) for number in numbers]
    return _latency("site_record", asked, process, target=RECORD_TARGET, what="a new person's dose, checked, on disk")


def _pages(browser: Browser, process: int, pages: Mapping[str, Sequence[str]], *, each: int) -> Iterator[Line]:
    # A sheet is shown of a day that was closed.
    _good(browser.post("/day-close", {"day": CLOSED_DAY, "sure": "yes", "revision": "1"}))
    found = []
    for endpoint, paths in sorted(pages.items()):
        for path in paths:
            _good(browser.get(path))
        asked = [partial(browser.get, paths[place % len(paths)]) for place in range(each)]
        found.append(_latency(f"page_p99.{endpoint}", asked, process, target=PAGE_TARGET, what="the page"))
    worst = max(found, key=lambda line: float(str(line["value"])))
    yield {**worst, "metric": "page_p99", "page": str(worst["metric"]).partition(".")[2], "pages": len(found)}
    yield from found


def _crowd(port: int, texts: Sequence[str], effort: Effort, *, first: int) -> Line:
    crowd = Crowd()

    def work(place: int) -> None:
        with closing(Browser(port)) as browser:
            browser.sign_in(LOGIN)
            for turn in range(effort.each_browser):
                try:
                    answer = _do(browser, place + turn, texts, number=first + place * effort.each_browser + turn)
                    crowd.seconds.append(_good(answer).seconds)
                except (RuntimeError, OSError) as error:
                    crowd.errors.append(str(error))

    threads = [threading.Thread(target=work, args=(place,)) for place in range(_BROWSERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    done = len(crowd.seconds) + len(crowd.errors)
    return {
        **_line(
            "site_browsers", len(crowd.errors), 0, unit=f"errors in {done} requests of {_BROWSERS} browsers at once"
        ),
        "p99_ms": round(_p99(crowd.seconds) * 1e3, 1),
        "told": crowd.errors[:3],
    }


def _export(browser: Browser, process: int, people: int) -> Iterator[Line]:
    days = min(EXPORT_DAYS, -(-_EXPORT_ROWS // doses_of_day(people)))
    before = most = resident_bytes(process)
    done = threading.Event()

    def look() -> None:
        nonlocal most
        while not done.wait(_LOOK_SECONDS):
            most = max(most, resident_bytes(process))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        seconds, size = _take_out(browser, days)
    finally:
        done.set()
        thread.join()
    rows = days * doses_of_day(people)
    yield {
        **_line("export_rows", seconds, EXPORT_TARGET, unit=f"s for {rows} rows as Excel, to the last byte", digits=2),
        "bytes": size,
    }
    yield _line("export_rows.rss", most - before, EXPORT_RSS_TARGET, scale=1e-6, unit="MB more resident meanwhile")


def _take_out(browser: Browser, days: int) -> tuple[float, int]:
    """Have the doses of so many days made into a workbook and fetch it: seconds, bytes."""
    first = date.fromisoformat(DAY) - timedelta(days=days - 1)
    started = time.perf_counter()
    follow = _good(browser.post("/exports", {"from": first.isoformat(), "to": DAY, "format": "xlsx"})).location
    while 'http-equiv="refresh"' in _good(browser.get(follow)).text:
        _WAIT.wait(_LOOK_SECONDS)
    size = len(_good(browser.get(f"{follow}/file")).body)
    return time.perf_counter() - started, size


def _do(browser: Browser, turn: int, texts: Sequence[str], *, number: int) -> Answer:
    """What somebody at a desk does: searching, recording and looking in turn."""
    match turn % 6:
        case 0:
            return browser.post("/reception/find", {"card": texts[number % len(texts)]})
        case 1:
            return _record(browser, number)
        case rest:
            return browser.get(("/", "/reception", "/observation", "/sign")[rest - 2])


def _record(browser: Browser, number: int) -> Answer:
    person = villager(number)
    form = {
        "name": person.name,
        "sex": "F",
        "birth_date": "01/03/1985",
        "number": person.number,
        "nationality": "VN",
        "phone": person.phone,
        "product": "AZ",
        "lot": "ABX1234",
        "lot_expiry": "31/12/2022",
        "dose_number": "1",
        "given_day": "15/04/2022",
        # A quarter are given just now and observed from here on; a site observes some hundred people at a time.
        "given_time": "15:30" if number % 4 else "16:20",
        "vaccinator": "Lê Văn Kim",
        "submission": f"site-{number:08d}",
    }
    answer = browser.post("/doses", form)
    if answer.status != 303 or "saved=" not in answer.location:
        raise RuntimeError(f"recording was answered with {answer.status}")
    return answer


def _texts(directory: Path, count: int) -> list[str]:
    """What is typed at reception: numbers, phones, names, beginnings, words in any order, and the commonest name."""
    with closing(open_store(directory)) as database, database.read() as tables:
        step = int(tables.execute("SELECT count(*) FROM people").fetchone()[0]) // count or 1
        rows = tables.execute("SELECT name, folded_name, number, phone FROM people WHERE person_id % ? = 0", (step,))
        people = [tuple(str(value) for value in row) for row in rows]
    found = []
    for place, (name, folded, number, phone) in enumerate(people[:count]):
        words = folded.lower().split()
        kinds = (
            number or phone,
            phone,
            name,
            name[:7],
            f"{words[-1]} {words[0]}",
            "nguyễn",
            "nguyen thi",
            "không có ai",
        )
        found.append(kinds[place % len(kinds)])
    return found


def _good(answer: Answer) -> Answer:
    if answer.status not in (200, 302, 303):
        raise RuntimeError(f"{answer.path} was answered with {answer.status}")
    return answer


def _p99(seconds: Sequence[float]) -> float:
    return sorted(seconds)[max(0, -(-len(seconds) * 99 // 100) - 1)]


def _latency(metric: str, asked: Sequence[Callable[[], Answer]], process: int, *, target: float, what: str) -> Line:
    """Ask one after the other: p99 and median of the browser's clock, the server's own processor time for each."""
    before = processor_seconds(process)
    seconds = [_good(ask()).seconds for ask in asked]
    spent = (processor_seconds(process) - before) / len(asked)
    line = _line(metric, _p99(seconds), target, scale=1e3, unit=f"ms p99, {what}")
    return {**line, "median_ms": round(sorted(seconds)[len(seconds) // 2] * 1e3, 1), "cpu_ms": round(spent * 1e3, 1)}


def _line(metric: str, value: float, target: float, *, unit: str, scale: float = 1.0, digits: int = 1) -> Line:
    return {
        "metric": metric,
        "value": round(value * scale, digits),
        "unit": unit,
        "limit": None,
        "ratio": None,
        "peer": None,
        "target": round(target * scale, digits),
        "met": value <= target,
    }
