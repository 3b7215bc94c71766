"""What can go wrong with a stick, in words that whoever holds it can act on.

These are faults of the environment, like those of a token: nothing is lost by one, and the same call may be repeated.
"""

from __future__ import annotations

import errno
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class StickCode(StrEnum):
    """Stable codes."""

    MISSING = "stick-missing"
    EMPTY = "stick-empty"
    NO_FOLDER = "stick-no-folder"
    READ_ONLY = "stick-read-only"
    FULL = "stick-full"
    GONE = "stick-gone"
    DAMAGED = "stick-damaged"
    BUSY = "stick-busy"
    SILENT = "stick-silent"


@dataclass(frozen=True, slots=True)
class StickProblem:
    """What a code means: the fact and the cure in Vietnamese, the fact in English."""

    vi: str
    cure: str
    en: str


STICK_PROBLEMS: Final[Mapping[StickCode, StickProblem]] = MappingProxyType(
    {
        StickCode.MISSING: StickProblem(
            "Không thấy thư mục đã chọn trên máy",
            "Cắm USB, đợi vài giây rồi chọn lại.",
            "there is no such folder on this machine",
        ),
        StickCode.EMPTY: StickProblem(
            "Trên USB không có thư mục HCVX",
            "Chọn đúng USB đã dùng để chép; USB mới thì chép ra trước.",
            "there is no folder of ours on the stick",
        ),
        StickCode.NO_FOLDER: StickProblem(
            "Trên USB, HCVX không phải là thư mục",
            "Đổi tên hoặc xóa tệp HCVX trên USB rồi làm lại, hoặc dùng USB khác.",
            "HCVX on the stick is no folder",
        ),
        StickCode.READ_ONLY: StickProblem(
            "Không ghi được lên USB",
            "Gạt khóa chống ghi của USB hoặc dùng USB khác, rồi làm lại; ở máy chưa mất gì.",
            "the stick cannot be written",
        ),
        StickCode.FULL: StickProblem(
            "USB không đủ chỗ trống",
            "Xóa bớt tệp trên USB hoặc dùng USB khác, rồi làm lại; ở máy chưa mất gì.",
            "the stick has no room",
        ),
        StickCode.GONE: StickProblem(
            "USB bị rút ra hoặc không đọc được giữa chừng",
            "Cắm lại USB rồi làm lại từ đầu; ở máy chưa mất gì, phần đã chép xong được giữ nguyên.",
            "the stick was pulled or fails",
        ),
        StickCode.DAMAGED: StickProblem(
            "Đọc lại tệp trên USB thấy khác với tệp đã ghi",
            "USB hỏng: dùng USB khác rồi làm lại; ở máy chưa mất gì.",
            "what was read back is not what was written",
        ),
        StickCode.BUSY: StickProblem(
            "Việc khác đang ghi lên USB này",
            "Đợi việc đó xong rồi làm lại.",
            "somebody else writes to this stick",
        ),
        StickCode.SILENT: StickProblem(
            "USB hoặc ổ đã chọn không trả lời",
            "Rút ra, đợi vài giây, cắm lại rồi chọn lại; vẫn vậy thì dùng USB khác. Ở máy chưa mất gì.",
            "the medium does not answer",
        ),
    }
)
_BY_NUMBER: Final = {
    errno.ENOSPC: StickCode.FULL,
    errno.EDQUOT: StickCode.FULL,
    errno.EFBIG: StickCode.FULL,
    errno.EROFS: StickCode.READ_ONLY,
    errno.EACCES: StickCode.READ_ONLY,
    errno.EPERM: StickCode.READ_ONLY,
    errno.ENOTDIR: StickCode.NO_FOLDER,
    errno.ELOOP: StickCode.NO_FOLDER,
}


class StickError(Exception):
    """A stick does not do what was asked. Texts hold no path and no name of a file.

    Args:
        code: what is wrong.
        detail: the step and the system's word for it, in English.
    """

    def __init__(self, code: StickCode, detail: str = "") -> None:
        text = f"{code}: {STICK_PROBLEMS[code].en}"
        super().__init__(f"{text} ({detail})" if detail else text)
        self.code = code
        self.detail = detail

    @property
    def vi(self) -> str:
        """What happened, in Vietnamese."""
        return STICK_PROBLEMS[self.code].vi

    @property
    def cure(self) -> str:
        """What to do next, in Vietnamese."""
        return STICK_PROBLEMS[self.code].cure

    @property
    def en(self) -> str:
        """What happened, in English."""
        return STICK_PROBLEMS[self.code].en


def stick_error(error: OSError, step: str) -> StickError:
    """The system's error as ours; what is not known otherwise is a stick that is gone."""
    code = _BY_NUMBER.get(error.errno or 0, StickCode.GONE)
    return StickError(code, f"{step}: {errno.errorcode.get(error.errno or 0, type(error).__name__)}")
