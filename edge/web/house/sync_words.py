"""The words of the page about the exchange: what a bundle carries, how far it is, what an exchange brought."""

from __future__ import annotations

from edge.exchanger import Going
from edge.store.bundles import BundleLine
from edge.store.exchanges import DataDay, ExchangeLine
from edge.web.frame.formats import clock, moment, size
from edge.web.frame.language import _, plural
from edge.web.frame.sentences import Sentence, fault_word, reason_words
from edge.workflow.exchange_progress import Asked, Phase
from sync_protocol.api import NetworkFault
from sync_protocol.bundle import BundleKind


def kind_words(kind: str) -> str:
    """What a bundle carries; a kind that has no word is shown as it is."""
    return {
        BundleKind.BATCH.value: _("mũi tiêm đã ký"),
        BundleKind.DOSES.value: _("mũi tiêm nhờ ký"),
        BundleKind.CLOSING.value: _("biên bản chốt ngày"),
        BundleKind.REPORT.value: _("báo cáo"),
        BundleKind.REGISTRATION.value: _("đăng ký chứng thư"),
        BundleKind.HANDED_BACK.value: _("mũi tiêm trả lại"),
        BundleKind.QUESTIONS.value: _("câu hỏi"),
        BundleKind.ANSWERS.value: _("trả lời"),
    }.get(kind, kind)


def going_words(going: Going) -> str:
    """What the exchange that runs is doing, and how far it is."""
    match going.phase:
        case Phase.CONNECTING:
            return _("Đang nối với trung tâm…")
        case Phase.SENDING:
            return _("Đang gửi: %(done)s trên %(all)s.", done=size(going.done_bytes), all=size(going.size_bytes))
        case Phase.WAITING:
            return _("Đã gửi hết %(all)s, đang chờ biên nhận có chữ ký…", all=size(going.size_bytes))
        case Phase.NEWS:
            return _("Đang nhận tin từ trung tâm…")


def reached_words(done_bytes: int, size_bytes: int) -> str:
    """How much of a bundle the centre holds or the network has taken."""
    return _("%(done)s trên %(all)s", done=size(min(done_bytes, size_bytes)), all=size(size_bytes))


def used_words(used: DataDay) -> tuple[str, str]:
    """How much data it was, and which part went which way."""
    said = _("gửi %(sent)s, nhận %(received)s", sent=size(used.sent), received=size(used.received))
    return size(used.sent + used.received), said


def on_its_way(line: BundleLine) -> Sentence:
    """What is to be said of a bundle of the run that is being sent."""
    if line.offers > 1:
        return Sentence("plain", _("Đang gửi"), _("Gửi tiếp từ chỗ trung tâm đã có; không làm trùng."))
    return Sentence("plain", _("Đang gửi"), _("Chỉ xong khi có biên nhận của trung tâm."))


def span_words(line: ExchangeLine, now: int) -> str:
    """When it was; for several in a row, from when to when."""
    if line.tries == 1:
        return moment(line.started_at, now)
    return f"{moment(line.started_at, now)} – {clock(line.ended_at)}"


def asked_words(line: ExchangeLine) -> str:
    """Who wanted it."""
    word = {
        Asked.SCHEDULE.value: _("máy tự gửi"),
        Asked.SEALED.value: _("sau khi ký"),
        Asked.PERSON.value: _("bấm Gửi ngay"),
        Asked.COMMAND.value: _("lệnh"),
    }[line.asked]
    if line.tries == 1:
        return word
    return plural("%(word)s, %(num)s lần", "%(word)s, %(num)s lần", line.tries, word=word)


def result_sentence(line: ExchangeLine) -> Sentence:
    """What it brought, and why it stopped."""
    brought = (
        plural("%(num)s gói có biên nhận", "%(num)s gói có biên nhận", line.admitted) if line.admitted else "",
        plural("%(num)s gói bị trả lại", "%(num)s gói bị trả lại", line.refused) if line.refused else "",
        plural("%(num)s tin nhận về", "%(num)s tin nhận về", line.taken) if line.taken else "",
    )
    text = ", ".join(filter(None, brought))
    if line.code:
        is_fault = line.code in frozenset(NetworkFault)
        word = fault_word(line.code) if is_fault else _("Đã dừng")
        why = f"{reason_words(line.code).vi}."
        return Sentence("warning" if is_fault else "danger", word, f"{text}. {why}" if text else why)
    if line.refused:
        return Sentence("danger", _("Bị trả lại"), f"{text}.")
    return Sentence("good", _("Xong"), f"{text}." if text else _("Không có gì mới."))
