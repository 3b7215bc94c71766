"""What an export, an import and a carrier's run came to, each as lines of words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words
from edge.store.carried import Carried
from edge.web.frame.formats import count, size
from edge.web.frame.language import _, plural, say
from edge.web.frame.sentences import reason_words
from edge.workflow.export_stick import ExportResult, Part
from edge.workflow.import_stick import ImportResult
from sync_protocol.stick_folder import Passed

PART_WORDS: Final[Mapping[Part, str]] = MappingProxyType(
    {
        Part.OWN: "gói của cơ sở chưa có biên nhận",
        Part.REQUEST: "yêu cầu lấy tin từ trung tâm",
        Part.OTHERS: "tệp mang hộ cơ sở khác",
        Part.ANSWERS: "trả lời của trung tâm cho cơ sở khác",
    }
)
PASSED_WORDS: Final[Mapping[Passed, str]] = MappingProxyType(
    {
        Passed.HIDDEN: "tệp ẩn hoặc chưa ghi xong",
        Passed.NO_FILE: "thư mục, liên kết hoặc mục không phải tệp",
        Passed.LARGE: "tệp quá lớn",
        Passed.CHANGING: "tệp đang thay đổi khi đọc",
        Passed.UNREADABLE: "tệp không đọc được",
        Passed.FOREIGN: "tệp không phải của hệ thống này hoặc không dùng ở đây",
        Passed.BEYOND: "tệp vượt quá số lượng xem được một lần",
    }
)
PULL: Final = Words(
    "Có thể rút USB: mọi tệp đã ghi xong và đọc lại đúng",
    "Vẫn nên chọn Rút an toàn của hệ điều hành trước khi rút.",
    "everything was written and read back",
)


def export_lines(found: ExportResult) -> list[str]:
    """What was written, what was there, and what was taken off."""
    lines = [
        plural(
            "Đã chép và đọc lại đúng %(n)s %(what)s.",
            "Đã chép và đọc lại đúng %(n)s %(what)s.",
            number,
            n=count(number),
            what=say(PART_WORDS[part]),
        )
        for part, number in sorted(found.written.items())
        if number
    ]
    if there := found.there.total():
        lines.append(
            plural("%(n)s tệp đã có sẵn, giống hệt.", "%(n)s tệp đã có sẵn, giống hệt.", there, n=count(there))
        )
    if found.taken_off:
        lines.append(_taken_off(found.taken_off))
    if found.written[Part.ANSWERS] or found.there[Part.ANSWERS]:
        lines.append(_("Mang USB này về cơ sở đã gửi, để họ nhập trả lời của trung tâm."))
    if found.written[Part.OWN] or found.there[Part.OWN]:
        lines.append(_("Gói trên USB chưa phải là đã gửi: chỉ là đã gửi khi biên nhận của trung tâm về đến máy này."))
        lines.append(_("Mang USB đến cơ sở có mạng hoặc đến trung tâm, rồi cắm lại ở đây để nhập biên nhận."))
    return lines or [_("Không có gì phải chép ra USB.")]


def import_lines(found: ImportResult) -> list[str]:
    """What came for this node, what is carried for others, and what was passed over."""
    told = (
        (found.admitted, _("gói của cơ sở đã được trung tâm nhận (biên nhận kiểm tra đúng)")),
        (found.refused, _("gói của cơ sở bị trung tâm trả lại")),
        (found.items, _("tin từ trung tâm")),
        (found.known, _("trả lời đã có ở máy từ trước")),
        (found.carried, _("tệp của cơ sở khác, từ nay mang hộ")),
        (found.carried_known, _("tệp của cơ sở khác đã mang hộ từ trước")),
        (found.own, _("tệp do chính máy này chép ra")),
    )
    lines = [_("%(n)s %(what)s.", n=count(number), what=what) for number, what in told if number]
    if found.left:
        lines.append(_("Ở trung tâm còn %(n)s tin: chép USB ra rồi nhờ trung tâm trả lời tiếp.", n=count(found.left)))
    if found.no_room:
        lines.append(_("Không còn chỗ mang hộ %(n)s tệp; chúng vẫn nằm trên USB.", n=count(found.no_room)))
    for code, number in sorted(found.faulty.items()):
        if number:
            said = reason_words(code)
            lines.append(_("%(n)s tệp không được tin: %(why)s. %(cure)s", n=count(number), why=said.vi, cure=said.cure))
    for why, number in sorted(found.passed.items()):
        if number:
            lines.append(_("Bỏ qua %(n)s %(what)s.", n=count(number), what=say(PASSED_WORDS[why])))
    if found.taken_off:
        lines.append(_taken_off(found.taken_off))
    return lines or [_("Trên USB không có gì cho máy này.")]


def carried_sentence(found: Carried) -> str:
    """How much is carried for other sites."""
    if not found.waiting and not found.answers:
        return _("Máy này không mang hộ tệp nào.")
    said = _(
        "Đang mang hộ cơ sở khác %(size)s: %(up)s tệp chờ trung tâm trả lời, %(down)s trả lời chờ chép ra USB.",
        up=count(found.waiting),
        down=count(found.answers),
        size=size(found.size_bytes),
    )
    if not found.turned_away:
        return said
    away = _("Trung tâm chưa nhận %(n)s tệp trong số đó; máy hỏi lại sau.", n=count(found.turned_away))
    return f"{said} {away}"


def _taken_off(number: int) -> str:
    return plural(
        "Đã dọn khỏi USB %(n)s tệp không cần nữa.",
        "Đã dọn khỏi USB %(n)s tệp không cần nữa.",
        number,
        n=count(number),
    )
