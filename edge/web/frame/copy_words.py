"""In words, what is known of this machine being an older copy, or one of two."""

from __future__ import annotations

from typing import Final

from edge.store import dose_numbers, node_epochs, node_identity
from edge.store.database import Database, Tables
from edge.store.node_epochs import SignKind
from edge.web.frame.language import _, plural

_SIGNS: Final = {
    SignKind.BEHIND: "Trung tâm giữ những gói mà máy này không có: máy chạy từ bản sao lưu cũ hơn.",
    SignKind.FORKED: "Hai máy cùng gửi với một chìa khóa: người ở trung tâm quyết định máy nào tiếp tục.",
    SignKind.ENDED: "Máy này là bản sao cũ: một máy khác của nút đang tiếp tục.",
}


def copy_notes(tables: Tables) -> list[str]:
    """What stands on the pages of the day and of the exchange, a sentence each; nothing for a machine that is alone."""
    sign, asked = node_epochs.sign(tables, node_identity.get(tables).epoch), node_epochs.open_ask(tables)
    again = dose_numbers.count_to_record_again(tables)
    notes = []
    if sign is not None:
        match sign.kind:
            case SignKind.BEHIND:
                notes.append(_("Máy chạy từ bản sao lưu cũ hơn: trung tâm giữ những gói mà máy này không có."))
            case SignKind.FORKED:
                notes.append(_("Hai máy cùng gửi với một chìa khóa: người ở trung tâm quyết định máy nào tiếp tục."))
            case SignKind.ENDED:
                notes.append(_("Máy này là bản sao cũ: một máy khác của nút đang tiếp tục."))
    if asked is not None:
        notes.append(_("Đã xin trung tâm mở kỳ mới, đang chờ; chưa gửi gói nào cho đến lúc đó."))
    if again:
        notes.append(
            plural(
                "%(num)s mũi tiêm trùng số với mũi khác ở trung tâm, phải ghi lại với số mới.",
                "%(num)s mũi tiêm trùng số với mũi khác ở trung tâm, phải ghi lại với số mới.",
                again,
            )
        )
    return notes


def copy_lines(database: Database) -> list[str]:
    """What somebody has to be told, a sentence each; nothing for a machine that is alone."""
    with database.read() as tables:
        epoch = node_identity.get(tables).epoch
        sign, asked = node_epochs.sign(tables, epoch), node_epochs.open_ask(tables)
        again = dose_numbers.count_to_record_again(tables)
    lines = [] if sign is None else [f"{_SIGNS[sign.kind]} Mở trang Bản sao, hoặc chạy hcvx-edge begin-epoch."]
    if asked is not None:
        lines.append("Đã xin trung tâm mở kỳ mới, chưa có quyết định; chưa gửi gói nào cho đến lúc đó.")
    if again:
        lines.append(f"{again} mũi tiêm trùng số với mũi khác ở trung tâm: ghi lại với số mới (hcvx-edge renumber).")
    return lines
