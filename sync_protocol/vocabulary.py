"""Words that every reader of columns knows, so that a column can name them by their place.

Syllables of Vietnamese names, family names of the minorities among them, and a few words that people write into the
free texts. A name outside the list survives all the same and costs its letters. The list belongs to the version of the
columns: changing anything in it makes a new version.
"""

from __future__ import annotations

from itertools import accumulate
from typing import Final

_NAMES: Final = """
A An Anh Ba Bang Bao Be Bắc Bằng Bế Bích Biên Biện Bình Bá Bàn Bành Bách Bạch Bảo Bẩy Bảy Bé Bính Bùi Bửu Ca Cam Can
Cang Canh Cao Chi Chiến Chiểu Chinh Chí Chính Chung Chuyên Chu Châu Chúc Chương Chức Chẩu Cúc Cường Cương Cảnh Cẩm
Cần Cầm Công Cù Cư Cử Cự Danh Di Diên Diễm Diễn Diệp Diệu Doanh Doãn Dung Duy Duyên Duyến Duyệt Dân Dũng Dư Dương
Dậu Dịu Dần Giang Giao Giàng Giáp Gia Giới Giỏi Hai Han Hanh Hiên Hiếu Hiền Hiển Hiệp Hiệu Hoa Hoan Hoài Hoàn Hoàng
Hoành Hoạt Hoạch Hoán Huy Huyên Huyền Huyện Huân Huấn Huế Huệ Huỳnh Hy Hà Hài Hàn Hào Hàm Hành Hán Hân Hãn Hòa Hòe
Hùng Húc Hưng Hương Hướng Hường Hưởng Hưu Hạ Hạnh Hạc Hải Hảo Hảng Hằng Hậu Hầu Hồ Hồng Hồi Hội Hợi Hợp Hữu Hứa Hứng
Hiến Ka Kha Khang Khanh Khiêm Khiết Khoa Khoan Khoát Khuyên Khuê Khôi Khương Khải Khả Khắc Khổng Khúc Khánh Ksor Kim
Kiên Kiếm Kiều Kiểm Kiệt Kpă Kỳ Kỷ Kính La Lai Lam Lan Lang Lanh Lành Linh Liên Liêm Liễu Liệu Lo Loan Long Luyến
Luyện Luân Luận Luật Lực Ly Lâm Lân Lãm Lò Lù Lưu Lương Lường Lượng Lược Lạc Lại Lập Lầu Lê Lễ Lệ Lệnh Lịch Lộc Lợi
Lục Lụa Lữ Lý Lìa Ma Mai Man Minh My Miên Mùa Mùi Mạc Mạnh Mậu Mẫn Mẫu Mã Mông Mơ Mến Mộc Mộng Mừng Mười Một Mỵ Mỹ
Mấn Mí Na Nam Nga Ngoan Nguyên Nguyễn Nguyệt Ngân Ngà Ngâm Ngô Ngọ Ngọc Ngụy Nghi Nghiêm Nghiệp Nghĩa Nghị Ngoạn
Nhan Nhi Nhiên Nhung Nhuận Nhâm Nhân Nhã Nhàn Nhài Như Nhường Nhơn Nhất Nhật Nhị Nhữ Niê Ninh Niệm Niên Nông Nương
Nữ Nở Năm Năng Oanh Ong Ơn Phan Phi Phiên Phong Phu Phùng Phú Phúc Phước Phương Phượng Phấn Phạm Phát Phó Phụng Phụ
Pha Pháp Phẩm Quang Quanh Quyên Quyến Quyền Quyết Quân Quàng Quách Quán Quốc Quế Quý Quỳ Quỳnh Quảng Quản Quới Quy
Ra Rin Rơ Sa San Sang Sen Sinh Siêu Sông Sơn Sùng Sương Sáng Sáu Sâm Sĩ Sử Sự Sửu Sầm Ta Tam Thanh Thi Thiên Thiều
Thiện Thiệp Thiệu Thoa Thoan Thoại Thoải Thông Thơ Thơm Thu Thuyết Thuyên Thuấn Thuần Thuận Thuật Thuỷ Thy Thào
Thành Thái Thân Thìn Thùy Thúy Thư Thương Thường Thước Thưởng Thượng Thạch Thạnh Thạo Thảo Thản Thắm Thắng Thế Thể
Thị Thịnh Thọ Thời Thục Thủy Thức Thập Thao Thuý Tin Tiên Tiêu Tiến Tiếp Tiềm Tiệp Tinh Toan Toàn Toán Toại Trang
Tri Trinh Triều Triệu Triển Trung Truyền Tráng Trà Trâm Trân Trí Trình Trúc Trường Trưởng Trương Trạc Trạch Trần
Trắc Trọng Trịnh Trực Trụ Trữ Trừ Tuyên Tuyến Tuyết Tuyền Tuyển Tuân Tuấn Tuất Tuệ Tuế Tài Tào Tâm Tân Tây Tình Tính
Tím Tòng Tô Tôn Tông Tú Tùng Tư Tươi Tường Tưởng Tướng Tượng Tạ Tạo Tấn Tất Tẩn Tề Tịnh Tố Tống Tụ Từ Tự Tỵ Tý Tỉnh
Uyên Uy Uyển Út Vi Viên Viết Việt Viễn Vinh Viện Vui Vân Vàng Vàm Vãn Văn Vĩ Vĩnh Vũ Vương Vượng Vạn Vấn Vận Vị Võ
Vọng Vừ Vy Vỹ Xa Xoan Xuyên Xuyến Xuân Xuất Xồng Y Yên Yến Ái Ánh Âu Ân Âm Ích Ê-ban Ông Ý Đa Đan Điền Điều Điệp
Điểu Đinh Đoan Đoài Đoàn Đua Đài Đàm Đàn Đào Đàng Đán Đình Đính Định Đô Đôn Đông Đăng Đường Được Đượm Đạo Đạt Đại
Đảm Đảng Đặng Đậu Đắc Đẩu Đỉnh Địch Địa Đỗ Đồng Độ Động Đới Đức Đỏ Ước
"""
# The other words help the text section; only the empty text is named by its place.
_PHRASES: Final = (
    "Đau chỗ tiêm",
    "Sốt nhẹ",
    "Mệt mỏi",
    "Không",
    "Mất kết nối mạng",
    "Mất điện",
    "Nhập bổ sung",
    "Sai ngày sinh",
    "Sai họ tên",
    "Sai số căn cước",
    "Trạm Y tế",
    "Bàn ",
    "pack-",
    "2022-",
    "Trần Thị ",
    "Lê Thị ",
    "Nguyễn Thị ",
    "Phạm Văn ",
    "Nguyễn Văn ",
)

# Place 0 stands for a text that is not in the list; place 1 is the empty text.
WORDS: Final = ("", "", *sorted(set(_NAMES.split())))
PLACES: Final = {word: place for place, word in enumerate(WORDS) if place}

# Texts outside the list are a quarter of all, and so is the empty text.
WORD_FREQUENCIES: Final = (len(WORDS) // 2, len(WORDS) // 2, *(1 for _ in WORDS[2:]))
WORD_STARTS: Final = tuple(accumulate(WORD_FREQUENCIES, initial=0))[:-1]
WORD_SYMBOLS: Final = tuple(place for place, count in enumerate(WORD_FREQUENCIES) for _ in range(count))

# What the compressor of the text section has seen before it begins; the likeliest words stand last.
PRESET: Final = " ".join((*WORDS[2:], *_PHRASES)).encode()
