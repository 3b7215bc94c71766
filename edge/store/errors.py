"""What can be wrong with the node's own store, as one exception that says whether to try again."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words


class StoreCode(StrEnum):
    """Stable codes; `STORE_WORDS` holds the words of each."""

    MISSING = "store-missing"
    EXISTS = "store-exists"
    PASSPHRASE = "store-passphrase"  # noqa: S105
    PASSPHRASE_WEAK = "store-passphrase-weak"  # noqa: S105
    KEY_FILE = "store-key-file"
    BUSY = "store-busy"
    FULL = "store-full"
    FAILED = "store-failed"
    DAMAGED = "store-damaged"
    SETTING = "store-setting"
    VERSION = "store-version"
    NOT_ENROLLED = "store-not-enrolled"
    ENROLLED = "store-enrolled"


class StoreError(Exception):
    """The store did not do what was asked; nothing of the transaction is kept.

    Args:
        code: the stable code.
        rule: what was expected, without any person's data.
        try_again: True if the same call may succeed later without anybody doing anything.
    """

    def __init__(self, code: StoreCode, rule: str, *, try_again: bool = False) -> None:
        super().__init__(f"{code}: {rule}")
        self.code = code
        self.rule = rule
        self.try_again = try_again


_CALL: Final = "Không xóa gì; gọi bộ phận kỹ thuật."

STORE_WORDS: Final[Mapping[StoreCode, Words]] = MappingProxyType(
    {
        StoreCode.MISSING: Words("Chưa có nút ở thư mục này", "Chạy `hcvx-edge init`.", "there is no node here"),
        StoreCode.EXISTS: Words("Thư mục này đã có nút", "Chọn thư mục khác.", "there is a node here already"),
        StoreCode.PASSPHRASE: Words(
            "Mật khẩu mở máy không đúng", "Gõ lại; tắt bộ gõ tiếng Việt nếu cần.", "wrong passphrase"
        ),
        StoreCode.PASSPHRASE_WEAK: Words(
            "Mật khẩu mở máy quá ngắn", "Chọn mật khẩu có ít nhất 10 ký tự.", "the passphrase is too short"
        ),
        StoreCode.KEY_FILE: Words(
            "Tệp khóa của nút bị hỏng hoặc không phải của chương trình này",
            "Lấy lại tệp khóa từ bản sao lưu.",
            "the key file cannot be used",
        ),
        StoreCode.BUSY: Words(
            "Chương trình khác đang giữ kho dữ liệu", "Thử lại sau ít giây.", "another program holds the store"
        ),
        StoreCode.FULL: Words(
            "Đĩa đã đầy, chưa lưu được", "Giải phóng chỗ trống rồi lưu lại.", "the disk is full, nothing was stored"
        ),
        StoreCode.FAILED: Words(
            "Kho dữ liệu không lưu được", "Thử lại; còn lỗi thì chạy `hcvx-edge check`.", "the store failed"
        ),
        StoreCode.DAMAGED: Words("Kho dữ liệu bị hỏng", _CALL, "the store is damaged"),
        StoreCode.SETTING: Words("Kho dữ liệu không giữ được chế độ an toàn", _CALL, "the store lost a safety setting"),
        StoreCode.VERSION: Words(
            "Kho dữ liệu thuộc phiên bản khác của chương trình",
            "Cài phiên bản mới nhất của chương trình.",
            "the store belongs to another version of the program",
        ),
        StoreCode.NOT_ENROLLED: Words(
            "Nút chưa ghi danh với trung tâm", "Chạy `hcvx-edge enrol`.", "the node is not enrolled"
        ),
        StoreCode.ENROLLED: Words("Nút đã ghi danh rồi", "Không cần làm gì.", "the node is enrolled already"),
    }
)
