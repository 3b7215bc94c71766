"""Help for a new colleague: one page for each place, what it is for, its keys, what to do when something is odd."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from flask import Blueprint, render_template
from werkzeug.exceptions import NotFound

from edge.web.frame.access import allow_signed_in
from edge.web.frame.places import FIRST_HELP

blueprint = Blueprint("help", __name__)

# The pages in the order of a day; each is a template of this name.
PAGES: Final[Mapping[str, str]] = MappingProxyType(
    {
        FIRST_HELP: "Bắt đầu: đăng nhập, phím, khóa màn hình",
        "today": "Hôm nay",
        "reception": "Tiếp đón",
        "injection": "Bàn tiêm",
        "observation": "Theo dõi sau tiêm",
        "people": "Sửa thông tin, đính chính mũi tiêm",
        "passports": "Hộ chiếu vắc xin",
        "work-lists": "Danh sách cần xử lý",
        "signing": "Ký",
        "token": "Kiểm tra token",
        "certificates": "Chứng thư số",
        "closing": "Chốt ngày",
        "reports": "Báo cáo và xuất tệp",
        "sync": "Đồng bộ với trung tâm",
        "stick": "Gửi và nhận bằng USB",
        "users": "Người dùng",
        "devices": "Thiết bị trên Wi-Fi",
        "audit": "Nhật ký",
        "settings": "Thiết lập",
        "clock": "Đồng hồ",
    }
)


@blueprint.get("/help/<page>")
@allow_signed_in()
def show(page: str) -> str:
    """The help of one place."""
    if page not in PAGES:
        raise NotFound
    return render_template(f"help/{page}.html", pages=PAGES, page=page)
