"""What stood between the node and the centre, in words: the fact and what to do next."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.refusals import Words
from sync_protocol.api import NetworkFault

NETWORK_WORDS: Final[Mapping[NetworkFault, Words]] = MappingProxyType(
    {
        NetworkFault.UNREACHED: Words(
            "Không có mạng, hoặc không tới được trung tâm.",
            "Xem dây mạng, Wi-Fi hoặc 3G; máy tự thử lại, hoặc chép ra USB.",
            "the centre was not reached",
        ),
        NetworkFault.NOT_THE_CENTRE: Words(
            "Có mạng, nhưng nơi trả lời không phải trung tâm, thường là trang đăng nhập của Wi-Fi.",
            "Mở trình duyệt, đăng nhập Wi-Fi hoặc đổi mạng khác; máy tự thử lại.",
            "what answered is not the centre",
        ),
        NetworkFault.BUSY: Words(
            "Trung tâm đang bận hoặc tạm ngừng, hẹn lần sau.",
            "Không cần làm gì: đến giờ máy tự gửi lại.",
            "the centre asks to come later",
        ),
        NetworkFault.PROXY: Words(
            "Máy chủ trung gian (proxy) của mạng này không cho qua.",
            "Hỏi người quản mạng về proxy, hoặc đổi mạng khác.",
            "the proxy does not let the call through",
        ),
        NetworkFault.ADDRESS: Words(
            "Địa chỉ trung tâm trong thiết lập không dùng được.",
            "Sửa centre_url trong node.toml, hoặc hỏi trung tâm.",
            "the enrolled address is not usable",
        ),
        NetworkFault.TLS: Words(
            "Chứng thư của nơi trả lời không do nơi đã ghi danh cấp, nên máy không gửi gì.",
            "Wi-Fi có trang đăng nhập thì đăng nhập trước; nếu vẫn vậy, gọi trung tâm.",
            "the centre's TLS certificate does not verify",
        ),
        NetworkFault.TLS_NAME: Words(
            "Chứng thư của nơi trả lời mang tên khác, nên máy không gửi gì.",
            "Wi-Fi có trang đăng nhập thì đăng nhập trước; nếu vẫn vậy, gọi trung tâm.",
            "the centre's TLS certificate is for another name",
        ),
        NetworkFault.TLS_TIME: Words(
            "Chứng thư của trung tâm chưa đến hạn hoặc đã hết hạn theo đồng hồ máy này.",
            "Xem ngày giờ của máy; nếu đúng, gọi trung tâm.",
            "the centre's TLS certificate is not valid now",
        ),
    }
)
