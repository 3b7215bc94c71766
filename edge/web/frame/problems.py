"""The one table from errors to pages: a stable code, what happened, what to do next, and the HTTP status.

Nothing here reads the store, since the store itself may be what is wrong; and nothing is written to the log that a
person typed.
"""

from __future__ import annotations

from collections.abc import Mapping
from traceback import format_tb
from types import MappingProxyType
from typing import Any, Final

from flask import Flask, Response, current_app, render_template, request
from flask_wtf.csrf import CSRFError  # type: ignore[import-untyped]
from werkzeug.exceptions import HTTPException, InternalServerError, SecurityError

from edge.domain.code_words import words
from edge.domain.pass_journal import PASS_WORDS, PassRefusedError
from edge.domain.refusals import RefusedError, Words
from edge.domain.roles import ROLE_WORDS, Role
from edge.store import users
from edge.store.errors import StoreCode, StoreError
from edge.web.frame.access import RoleMissingError
from edge.web.frame.header import draw_bare
from edge.web.frame.node import node
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.stick_errors import StickError

# Our families of errors, and the status with which each is shown.
_STATUS: Final[Mapping[type[Exception], int]] = MappingProxyType(
    {RefusedError: 422, PassRefusedError: 409, ProtocolError: 422, TokenError: 409, StickError: 409, StoreError: 503}
)
CSRF_WORDS: Final = Words(
    "Trang này đã cũ", "Tải lại trang rồi làm lại; chưa có gì được ghi.", "the form's token is not good any more"
)
_PAGES: Final[Mapping[int, Words]] = MappingProxyType(
    {
        400: Words("Yêu cầu không hợp lệ", "Quay lại trang trước và làm lại.", "bad request"),
        403: Words(
            "Yêu cầu không đến từ trang của máy này",
            "Mở trang từ địa chỉ của máy rồi làm lại; chưa có gì được ghi.",
            "not from a page of ours",
        ),
        404: Words("Không có trang này", "Chọn một trang ở phía trên, hoặc về trang đầu.", "no such page"),
        405: Words("Không mở trang này như vậy được", "Chọn một trang ở phía trên.", "method not allowed"),
        413: Words("Dữ liệu gửi lên quá lớn", "Chọn ít mũi tiêm hơn rồi làm lại.", "the request is too large"),
        500: Words(
            "Phần mềm gặp lỗi không lường trước",
            "Dữ liệu đã lưu không mất. Quay lại và làm lại; nếu vẫn lỗi, gọi bộ phận kỹ thuật và đọc mã bên dưới.",
            "a bug of ours",
        ),
    }
)
ROLE_MISSING: Final = Words(
    "Trang này không thuộc phần việc của bạn",
    "Nhờ người có vai trò dưới đây làm, hoặc nhờ người quản lý giao thêm vai trò cho bạn.",
    "none of your roles may open this page",
)
_CALL: Final = "Gọi bộ phận kỹ thuật; dữ liệu đã lưu không mất."
_STORE: Final[Mapping[StoreCode, Words]] = MappingProxyType(
    {
        StoreCode.BUSY: Words(
            "Kho dữ liệu đang bận việc khác",
            "Đợi vài giây rồi làm lại; chưa có gì được ghi.",
            "another program holds the store",
        ),
        StoreCode.FULL: Words(
            "Ổ đĩa của máy đã đầy",
            "Xóa bớt tệp không cần trên máy rồi làm lại; chưa có gì được ghi.",
            "the disk is full",
        ),
        StoreCode.PASSPHRASE: Words(
            "Kho dữ liệu đang khóa",
            "Dừng chương trình, chạy lại hcvx-edge run và nhập mật khẩu của máy.",
            "the store is locked",
        ),
        StoreCode.NOT_ENROLLED: Words(
            "Máy này chưa ghi danh với trung tâm",
            "Chạy hcvx-edge enrol với tệp ghi danh do trung tâm cấp, rồi mở lại trang.",
            "the node is not enrolled",
        ),
        StoreCode.DAMAGED: Words(
            "Tệp dữ liệu của máy bị hỏng",
            "Ngừng ghi, không tắt máy; chạy hcvx-edge check và gọi bộ phận kỹ thuật.",
            "the store is damaged",
        ),
        StoreCode.MISSING: Words("Không thấy kho dữ liệu của máy", _CALL, "there is no store"),
    }
)
_STORE_OTHER: Final = Words(
    "Kho dữ liệu của máy không làm được việc này",
    "Làm lại. Nếu vẫn lỗi, chạy hcvx-edge check và gọi bộ phận kỹ thuật; dữ liệu đã lưu không mất.",
    "the store did not do it",
)


class Pages(Flask):
    """Flask, but its log never repeats the text of an exception, which may hold what a person typed."""

    def log_exception(self, exc_info: Any) -> None:
        """Log the kind of the exception and the places it went through, unless it is the answer to a wrong address."""
        kind, _, places = exc_info
        if issubclass(kind, HTTPException):
            return
        self.logger.error("unexpected %s in %s\n%s", kind.__name__, request.endpoint, "".join(format_tb(places)))


def install(app: Flask) -> None:
    """Show every error as a page, and log those that are bugs of ours without a word of what was typed."""
    app.register_error_handler(CSRFError, _show_csrf)
    app.register_error_handler(SecurityError, _show_foreign_host)
    app.register_error_handler(RoleMissingError, _show_role_missing)
    app.register_error_handler(HTTPException, _show_http)
    for family in _STATUS:
        app.register_error_handler(family, show_refusal)
    app.register_error_handler(Exception, _show_bug)


def error_words(error: Exception) -> tuple[str, Words]:
    """The code and the words of an error of ours."""
    match error:
        case RefusedError():
            code = error.findings[0].code
            return code.value, words(code)
        case PassRefusedError():
            return error.code.value, PASS_WORDS[error.code]
        case TokenError() | StickError():
            return error.code.value, Words(error.vi, error.cure, error.en)
        case ProtocolError():
            return error.code.value, words(error.code)
        case StoreError():
            return error.code.value, _STORE.get(error.code, _STORE_OTHER)
    raise error


def show_refusal(error: Exception) -> tuple[str, int]:
    """A page that says what happened, why, and what to do next."""
    code, said = error_words(error)
    if isinstance(error, StoreError):
        # The base page reads the store as well: this page does without it.
        draw_bare()
    status = next(status for family, status in _STATUS.items() if isinstance(error, family))
    return _page(code, said), status


def _show_csrf(_: CSRFError) -> tuple[str, int]:
    return _page("csrf", CSRF_WORDS), 400


def _show_foreign_host(_: SecurityError) -> Response:
    # No page of ours: whoever asks under a foreign name learns nothing, not even a link.
    return Response("Địa chỉ này không phải của máy.\n", 400, mimetype="text/plain")


def _show_role_missing(error: RoleMissingError) -> tuple[str, int]:
    with node().database.read() as tables:
        known = [user for user in users.all_users(tables) if user.is_active]
    roles = [role for role in Role if role in error.needed]
    return (
        render_template(
            "frame/role_missing.html",
            code="role-missing",
            words=ROLE_MISSING,
            roles=[ROLE_WORDS[role] for role in roles],
            people=[user.name for user in known if user.roles & error.needed],
            managers=[user.name for user in known if Role.MANAGER in user.roles],
        ),
        403,
    )


def _show_http(error: HTTPException) -> tuple[str, int]:
    if isinstance(error, InternalServerError) and isinstance(error.original_exception, HTTPException):
        # A page that shows what was wrong with a form found that what the form is about is gone.
        error = error.original_exception
    status = error.code or 500
    if status >= 500:
        draw_bare()
    return _page(f"http-{status}", _PAGES.get(status, _PAGES[400])), status


def _show_bug(error: Exception) -> tuple[str, int]:
    assert error.__traceback__ is not None
    current_app.log_exception((type(error), error, error.__traceback__))
    draw_bare()
    return _page("http-500", _PAGES[500]), 500


def _page(code: str, said: Words) -> str:
    return render_template("frame/problem.html", code=code, words=said)
