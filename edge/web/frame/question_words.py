"""What is to be said of a question to the centre: whether somebody was asked about, since when, and what came."""

from __future__ import annotations

from edge.domain.identity import FIELD_OF_ANSWER
from edge.domain.outbox import BundleState
from edge.store import node_epochs, questions
from edge.store.database import Tables
from edge.store.questions import Open, StoredQuestion
from edge.web.frame.formats import count, moment
from edge.web.frame.language import _, plural
from edge.web.frame.sentences import field_word
from sync_protocol import limits
from sync_protocol.population import PackAnswer


def question_words(question: StoredQuestion | None, now: int) -> str:
    """A few words for a row of a list, about the newest question; None where nobody has asked."""
    if question is None or question.is_left:
        return _("chưa hỏi trung tâm")
    asked = moment(question.asked_at, now)
    if question.answer is None:
        if question.state is BundleState.REFUSED:
            return _("hỏi trung tâm lúc %(time)s, câu hỏi bị trả lại", time=asked)
        return _("đã hỏi lúc %(time)s, chờ trả lời", time=asked)
    at = moment(question.answered_at or question.asked_at, now)
    match question.answer:
        case PackAnswer.MATCHED:
            return _("trung tâm trả lời lúc %(time)s: khớp", time=at)
        case PackAnswer.UNKNOWN:
            return _("trung tâm cũng không biết (lúc %(time)s)", time=at)
        case _:
            differs = field_word(FIELD_OF_ANSWER[question.answer])
            return _("trung tâm trả lời lúc %(time)s: khác %(field)s", time=at, field=differs)


def question_sentence(question: StoredQuestion | None, now: int, *, hindered: str) -> str:
    """The same as a sentence, with what comes next; `hindered` is what keeps the machine from asking now, or ""."""
    words = question_words(question, now)
    is_asked = question is not None and not question.is_left
    steps = [_next_step(question), hindered] if is_asked or not hindered else [hindered]
    return " ".join([f"{words[:1].upper()}{words[1:]}.", *(step for step in steps if step)])


def hindrance(tables: Tables, *, now: int) -> str:
    """Why nobody can be asked about at this moment, as a sentence, or ""."""
    if node_epochs.open_ask(tables) is not None:
        return _("Máy đang chờ trung tâm quyết định về bản sao; sau đó mới hỏi được.")
    if not questions.left_today(tables, now=now):
        return _("Hôm nay đã hỏi đủ %(most)s người; từ ngày mai máy hỏi tiếp.", most=count(limits.QUESTIONS_DAY))
    return ""


def unaskable_words() -> str:
    """What is to be done about somebody whom no question can carry."""
    return _("Không hỏi trung tâm được vì họ tên có ký tự lạ. Gõ lại họ tên theo giấy tờ.")


def open_sentence(found: Open, now: int) -> str:
    """About how many people an answer is on its way, or "" for nobody."""
    if found.since is None:
        return ""
    return plural(
        "Đã hỏi trung tâm về danh tính của %(people)s người, từ %(time)s; chờ trả lời.",
        "Đã hỏi trung tâm về danh tính của %(people)s người, từ %(time)s; chờ trả lời.",
        found.count,
        people=count(found.count),
        time=moment(found.since, now),
    )


def _next_step(question: StoredQuestion | None) -> str:
    if question is None or question.is_left:
        return _("Máy tự hỏi trong lần liên lạc tới.")
    if question.answer is None:
        if question.state is BundleState.RECEIPTED:
            return _("Trung tâm đã nhận câu hỏi.")
        if question.state is BundleState.REFUSED:
            return _("Máy tự hỏi lại sau.")
        return _("Câu hỏi đi trong lần liên lạc tới, hoặc bằng USB.")
    if question.answer is PackAnswer.UNKNOWN:
        return _("Xem lại giấy tờ; máy tự hỏi lại sau một ngày hoặc khi sửa thông tin.")
    if question.answer is PackAnswer.MATCHED:
        return ""
    return _("Sửa theo giấy tờ thì máy tự hỏi lại.")
