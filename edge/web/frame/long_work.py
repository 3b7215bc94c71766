"""Work that takes longer than a page may: two at a time, in memory, with a progress that anybody may come back to.

A piece of work belongs to the user who asked for it and goes on when the page is closed. Its result stays here until it
is downloaded, for ten minutes at most, and never on a disk; a restart forgets it. While pages are being answered the
work stands back: without that, Python would hand the interpreter to and fro between the two at every row read.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from traceback import format_tb
from typing import Final, cast

from flask import Flask, Response, current_app, g, jsonify, request

from edge.domain.code_words import words
from edge.domain.pass_journal import PassRefusedError
from edge.domain.refusals import EdgeCode, RefusedError, Words, refuse
from edge.store.errors import StoreError
from edge.web.frame.problems import error_words
from edge.web.frame.work_progress import Job, Progress, Result, StoppedError, WorkState
from sync_protocol.errors import ProtocolError
from sync_protocol.stick_errors import StickError

RUNNING: Final = 2
MOST_WAITING: Final = 6
KEPT_SECONDS: Final = 10 * 60
# All results together; one that is larger is not kept at all.
KEPT_BYTES: Final = 40_000_000
# How long work stands back for a page before it takes another step, and how long it is waited for at the end.
_BACK_SECONDS: Final = 0.05
_END_SECONDS: Final = 5.0
_KEY: Final = "hcvx-long-work"
BUG_WORDS: Final = Words(
    "Việc này gặp lỗi không lường trước",
    "Dữ liệu đã lưu không mất. Làm lại; nếu vẫn lỗi, gọi bộ phận kỹ thuật.",
    "a bug of ours",
)
_LOG: Final = logging.getLogger(__name__)


@dataclass(slots=True, repr=False)
class _Work:
    work_id: str
    owner: int
    label: str
    job: Job
    total: int
    asked_at: int
    state: WorkState = WorkState.QUEUED
    done: int = 0
    started_at: int = 0
    ended_at: int = 0
    result: Result | None = None
    problem: Words | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)


class LongWork:
    """The long work of a running node, safe to use from all threads.

    Args:
        now: gives epoch seconds UTC.
    """

    def __init__(self, now: Callable[[], int]) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._works: dict[str, _Work] = {}
        self._waiting: queue.Queue[_Work | None] = queue.Queue()
        self._threads: list[threading.Thread] = []
        self._pages = 0
        self._no_pages = threading.Event()
        self._no_pages.set()

    def submit(self, job: Job, *, work_id: str, owner: int, label: str, total: int) -> str:
        """Begin a piece of work as soon as there is room; gives its id. The same work of the same user is begun once.

        Args:
            job: makes the result; calls what it is given after each handful of steps.
            work_id: fresh and unguessable.
            owner: the user who may see it.
            label: what it makes, in words.
            total: how many steps it has.

        Raises:
            RefusedError: WORK_FULL.
        """
        with self._lock:
            self._forget()
            going_on = [one for one in self._works.values() if one.state in (WorkState.QUEUED, WorkState.RUNNING)]
            for one in going_on:
                if (one.owner, one.label) == (owner, label):
                    return one.work_id
            if len(going_on) >= RUNNING + MOST_WAITING:
                raise refuse(EdgeCode.WORK_FULL, "work")
            work = _Work(work_id, owner, label, job, total=total, asked_at=self._now())
            self._works[work_id] = work
            if len(self._threads) < RUNNING:
                # These threads stay: the store keeps one connection for each thread that has read it.
                thread = threading.Thread(target=self._run, name=f"long-work-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._waiting.put(work)
        return work_id

    def progress(self, work_id: str, owner: int) -> Progress:
        """How the work stands. RefusedError WORK_GONE if it is not here, or somebody else's."""
        with self._lock:
            work = self._find(work_id, owner)
            end = work.ended_at or self._now()
            return Progress(
                work.work_id,
                work.label,
                work.state,
                work.done,
                work.total,
                seconds=max(0, end - work.started_at) if work.started_at else 0,
                size_bytes=0 if work.result is None else len(work.result.data),
                problem=work.problem,
            )

    def all_of(self, owner: int) -> list[Progress]:
        """Everything that a user has asked for and that is still here, the newest first."""
        with self._lock:
            self._forget()
            ids = [one.work_id for one in self._works.values() if one.owner == owner]
        return [self.progress(work_id, owner) for work_id in reversed(ids)]

    def result(self, work_id: str, owner: int) -> Result:
        """The finished file. RefusedError WORK_GONE if it is not here, not finished, or somebody else's."""
        with self._lock:
            found = self._find(work_id, owner).result
        if found is None:
            raise refuse(EdgeCode.WORK_GONE, "work")
        return found

    def drop(self, work_id: str) -> None:
        """Forget a piece of work whose result was downloaded."""
        with self._lock:
            self._works.pop(work_id, None)

    def cancel(self, work_id: str, owner: int) -> None:
        """End the work at its next step, or forget a result. RefusedError WORK_GONE as `progress`."""
        with self._lock:
            work = self._find(work_id, owner)
            work.cancelled.set()
            if work.state in (WorkState.QUEUED, WorkState.DONE):
                work.state, work.result = WorkState.CANCELLED, None

    def page_begins(self) -> None:
        """A page is being answered: work stands back."""
        with self._lock:
            self._pages += 1
            self._no_pages.clear()

    def page_ends(self) -> None:
        """A page was answered."""
        with self._lock:
            self._pages -= 1
            if not self._pages:
                self._no_pages.set()

    def wait(self) -> None:
        """Return when nothing is queued or running any more."""
        self._waiting.join()

    def stop(self) -> None:
        """End all work; before the store is closed, since its threads read it."""
        with self._lock:
            for work in self._works.values():
                work.cancelled.set()
            self._works.clear()
            threads, self._threads = self._threads, []
        for _ in threads:
            self._waiting.put(None)
        for thread in threads:
            thread.join(_END_SECONDS)

    def _find(self, work_id: str, owner: int) -> _Work:
        self._forget()
        work = self._works.get(work_id)
        if work is None or work.owner != owner:
            raise refuse(EdgeCode.WORK_GONE, "work")
        return work

    def _forget(self) -> None:
        """Let go of what ended too long ago, and of the oldest results beyond what may be kept."""
        before = self._now() - KEPT_SECONDS
        for work in [one for one in self._works.values() if one.ended_at and one.ended_at <= before]:
            del self._works[work.work_id]
        kept = 0
        for work in reversed([one for one in self._works.values() if one.result is not None]):
            kept += 0 if work.result is None else len(work.result.data)
            if kept > KEPT_BYTES:
                del self._works[work.work_id]

    def _run(self) -> None:
        while (work := self._waiting.get()) is not None:
            try:
                self._do(work)
            finally:
                self._waiting.task_done()
        self._waiting.task_done()

    def _do(self, work: _Work) -> None:
        with self._lock:
            if work.cancelled.is_set():
                work.state, work.ended_at = WorkState.CANCELLED, self._now()
                return
            work.state, work.started_at = WorkState.RUNNING, self._now()
        result, problem, state = None, None, WorkState.DONE
        try:
            result = work.job(lambda done: self._told(work, done))
        except StoppedError:
            state = WorkState.CANCELLED
        except (RefusedError, PassRefusedError, ProtocolError, StickError, StoreError) as error:
            state, problem = WorkState.FAILED, error_words(error)[1]
        except Exception as error:  # noqa: BLE001
            # A bug of ours must not end the thread; its text may hold what a person typed, so its place alone is told.
            _LOG.error("unexpected %s in long work\n%s", type(error).__name__, "".join(format_tb(error.__traceback__)))
            state, problem = WorkState.FAILED, BUG_WORDS
        if result is not None and len(result.data) > KEPT_BYTES:
            result, problem, state = None, words(EdgeCode.EXPORT_SIZE), WorkState.FAILED
        with self._lock:
            if state is WorkState.DONE and work.cancelled.is_set():
                result, state = None, WorkState.CANCELLED
            work.result, work.problem, work.state, work.ended_at = result, problem, state, self._now()

    def _told(self, work: _Work, done: int) -> None:
        work.done = done
        if work.cancelled.is_set():
            raise StoppedError
        self._no_pages.wait(_BACK_SECONDS)


def install(app: Flask, now: Callable[[], int]) -> None:
    """Give an application its long work, which stands back for every page of it."""
    found = LongWork(now)
    app.extensions[_KEY] = found
    app.before_request(lambda: _begin(found))
    app.teardown_request(lambda _: _end(found))


def _begin(work: LongWork) -> None:
    g.stood_back = True
    work.page_begins()


def _end(work: LongWork) -> None:
    # A check before this one may have refused the page.
    if g.pop("stood_back", False):
        work.page_ends()


def is_followed() -> bool:
    """Whether the page's script asks how far something is."""
    return request.accept_mimetypes.best_match(["text/html", "application/json"]) == "application/json"


def follow_work(progress: Progress, said: str) -> Response:
    """What the script of a page with long work is told."""
    return jsonify(going_on=progress.is_going_on, done=progress.done, words=said)


def long_work(app: Flask | None = None) -> LongWork:
    """The long work of this application, or of the current one."""
    return cast("LongWork", (app or current_app).extensions[_KEY])
