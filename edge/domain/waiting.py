"""Why a recorded dose is not in the ledger yet: one stable word, and a sentence with the next step.

The same words stand in `status --json`, on the pages and in the day's sheet. What the centre said of a
dose keeps the centre's own code, whose sentence is in `sync_protocol.problems`.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words
from sync_protocol.dose import IdentityState


class Waiting(StrEnum):
    """The node's own reasons. The first four are the centre's words too."""

    IDENTITY_MISSING = "identity-missing"
    IDENTITY_MALFORMED = "identity-malformed"
    IDENTITY_MISMATCH = "identity-mismatch"
    IDENTITY_WAITING = "identity-waiting"
    DOSE_FACILITY = "dose-facility"
    DOSE_DAY = "dose-day"
    LATE_REASON = "late-reason"
    UNSIGNED = "unsigned"
    PASS_OPEN = "pass-open"  # noqa: S105
    UNSENT = "unsent"
    SUPERSEDED = "superseded"
    SIGNED = "signed"
    HANDED = "handed"


WORDS: Final[Mapping[Waiting, Words]] = MappingProxyType(
    {
        Waiting.IDENTITY_MISSING: Words(
            "Chưa có số định danh",
            "Xin số định danh của người được tiêm, rồi sửa thông tin.",
            "no identity number",
        ),
        Waiting.IDENTITY_MALFORMED: Words(
            "Số định danh sai định dạng",
            "Đối chiếu lại với giấy tờ, rồi sửa thông tin.",
            "malformed identity number",
        ),
        Waiting.IDENTITY_MISMATCH: Words(
            "Không khớp với CSDLQG về dân cư",
            "Sửa họ tên, ngày sinh, giới tính hoặc số; còn sai thì chuyển công an xã.",
            "does not match the population database",
        ),
        Waiting.IDENTITY_WAITING: Words(
            "Chưa xác thực với CSDLQG về dân cư",
            "Máy tự hỏi trung tâm khi liên lạc được; cần ngay thì bấm hỏi trung tâm.",
            "identity not checked yet",
        ),
        Waiting.DOSE_FACILITY: Words(
            "Mũi tiêm của cơ sở khác",
            "Chỉ cơ sở đã tiêm mới ký được mũi này.",
            "given at another facility",
        ),
        Waiting.DOSE_DAY: Words(
            "Thời điểm tiêm ở sau giờ của máy",
            "Kiểm tra đồng hồ của máy và giờ tiêm.",
            "given later than the node's clock",
        ),
        Waiting.LATE_REASON: Words(
            "Ký chậm, chưa ghi lý do",
            "Ghi lý do ký chậm ở trang ký.",
            "signed late without a reason",
        ),
        Waiting.UNSIGNED: Words("Sẵn sàng, chờ ký", "Sang trang ký và ký trong ngày.", "ready to be signed"),
        Waiting.PASS_OPEN: Words(
            "Đang trong lượt ký dở dang",
            "Sang trang ký để làm tiếp lượt ký.",
            "in a signing pass that is not finished",
        ),
        Waiting.UNSENT: Words(
            "Đã ký, chưa có biên nhận của trung tâm",
            "Máy tự gửi khi có mạng; xem trang đồng bộ.",
            "signed, no receipt from the centre yet",
        ),
        Waiting.SUPERSEDED: Words("Đã có bản sửa mới hơn", "Không cần làm gì.", "replaced by a newer version"),
        Waiting.SIGNED: Words("Đã ký", "Không cần làm gì.", "already signed"),
        Waiting.HANDED: Words(
            "Đã chuyển đơn vị khác ký thay",
            "Chờ đơn vị đó ký; xem ở trang chuyển ký.",
            "handed over to a delegated signer",
        ),
    }
)

_BY_IDENTITY: Final[Mapping[IdentityState, Waiting | None]] = MappingProxyType(
    {
        IdentityState.MATCHED: None,
        IdentityState.VOUCHED: None,
        IdentityState.NO_NUMBER: Waiting.IDENTITY_MISSING,
        IdentityState.MALFORMED: Waiting.IDENTITY_MALFORMED,
        IdentityState.MISMATCH: Waiting.IDENTITY_MISMATCH,
        IdentityState.WAITING: Waiting.IDENTITY_WAITING,
    }
)


def identity_obstacle(state: IdentityState) -> Waiting | None:
    """Return why a person in this state cannot be signed for, or None (1908/BYT-CNTT, rule 2)."""
    return _BY_IDENTITY[state]
