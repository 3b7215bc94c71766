"""One row for every code: its HTTP status, what to tell the person at the screen, and what that person can do.

Both sides read this table; nothing else turns a code into a status or words. The statuses follow the C2SP witness
protocol: 400 not a message, 403 no trusted signature, 404 unknown node, 409 not the next, 413 too large, 422 does not
add up, 429 later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sync_protocol.errors import Code


@dataclass(frozen=True, slots=True)
class Problem:
    """What a code means to people and to HTTP.

    Attributes:
        status: the HTTP status of an answer that refuses for this reason.
        vi: what happened and why, in Vietnamese.
        cure: what to do next, in Vietnamese.
        en: what happened, in English.
    """

    status: int
    vi: str
    cure: str
    en: str


# One row is a status and three sentences; the formatter would give each row six lines.
# fmt: off
PROBLEMS: Final[dict[Code, Problem]] = {
    # The message as such.
    Code.TOO_LARGE: Problem(413, "Dữ liệu vượt quá kích thước cho phép.",
        "Chia thành nhiều phần nhỏ hơn rồi gửi lại.", "The message is larger than its limit."),
    Code.NOT_CBOR: Problem(400, "Dữ liệu nhận được không đọc được.",
        "Gửi lại từ bản gốc; nếu vẫn lỗi, báo bộ phận hỗ trợ.", "The bytes are not CBOR as allowed here."),
    Code.NOT_DETERMINISTIC: Problem(400, "Dữ liệu không được mã hóa theo dạng duy nhất quy định.",
        "Cập nhật phần mềm bên gửi rồi gửi lại.", "The bytes are not the deterministic encoding."),
    Code.FIELD_MISSING: Problem(400, "Dữ liệu thiếu một trường bắt buộc.",
        "Cập nhật phần mềm bên gửi rồi gửi lại.", "A required field is missing."),
    Code.FIELD_UNKNOWN: Problem(400, "Dữ liệu có trường không nằm trong quy định.",
        "Kiểm tra phiên bản phần mềm ở hai bên.", "There is a field that the format does not have."),
    Code.FIELD_INVALID: Problem(400, "Một trường dữ liệu có giá trị không hợp lệ.",
        "Sửa trường được nêu rồi làm lại.", "A field's value breaks its rule."),
    Code.NOT_COSE: Problem(400, "Dữ liệu không phải là bản tin đã ký hoặc đã niêm phong.",
        "Gửi đúng tệp do phần mềm tạo ra.", "The message is not a COSE message as expected."),
    Code.CONTENT_TYPE: Problem(400, "Loại bản tin không đúng với nơi nhận.",
        "Kiểm tra đã chọn đúng tệp hay chưa.", "The message is of another type than expected here."),
    Code.VERSION: Problem(400, "Phiên bản giao thức không được hỗ trợ.",
        "Cập nhật phần mềm lên phiên bản mới.", "The protocol version is not supported."),
    Code.KIND_UNKNOWN: Problem(400, "Loại gói đồng bộ không có trong quy định.",
        "Cập nhật phần mềm lên phiên bản mới.", "The bundle's kind is unknown."),
    # Envelopes, keys and signatures.
    Code.ENVELOPE_UNREADABLE: Problem(400, "Không mở được gói niêm phong: dữ liệu đã bị hỏng hoặc bị thay đổi.",
        "Gửi lại từ bản gốc còn lưu ở máy.", "The sealed message does not open."),
    Code.RECIPIENT_UNKNOWN: Problem(400, "Gói được niêm phong cho một nơi nhận khác.",
        "Lấy lại khóa niêm phong mới nhất của trung tâm rồi gửi lại.", "The message is sealed for another key."),
    Code.KEY_INVALID: Problem(400, "Khóa công khai không đúng loại hoặc không đúng dạng.",
        "Dùng khóa P-256, hoặc RSA từ 2048 đến 4096 bit.", "The public key is not of an accepted kind."),
    Code.ALGORITHM: Problem(403, "Thuật toán không được chấp nhận hoặc không hợp với loại khóa.",
        "Cập nhật phần mềm bên gửi rồi ký lại.", "The algorithm is not accepted for this key."),
    Code.SIGNATURE_INVALID: Problem(403, "Chữ ký không đúng: dữ liệu đã bị thay đổi hoặc ký bằng khóa khác.",
        "Không sử dụng dữ liệu này; lấy lại từ nơi phát hành.", "The signature does not verify."),
    Code.SIGNER_UNKNOWN: Problem(403, "Không biết người ký: khóa không có trong danh sách tin cậy.",
        "Cập nhật danh sách tin cậy rồi kiểm tra lại.", "No trusted key matches the signer."),
    # Certificates.
    Code.CERTIFICATE_INVALID: Problem(403, "Chứng thư số không đọc được hoặc sai dạng.",
        "Liên hệ nhà cung cấp chứng thư số.", "The certificate is malformed."),
    Code.CERTIFICATE_UNTRUSTED: Problem(403, "Chứng thư số không do tổ chức chứng thực được tin cậy cấp.",
        "Dùng chứng thư số do tổ chức được công nhận cấp.", "The certificate does not lead to a trusted anchor."),
    Code.CERTIFICATE_EXPIRED: Problem(403, "Chứng thư số đã hết hạn.",
        "Gia hạn chứng thư số rồi ký lại.", "The certificate has expired."),
    Code.CERTIFICATE_NOT_YET_VALID: Problem(403, "Chứng thư số chưa đến ngày có hiệu lực.",
        "Kiểm tra đồng hồ của máy và ngày hiệu lực của chứng thư.", "The certificate is not valid yet."),
    Code.CERTIFICATE_REVOKED: Problem(403, "Chứng thư số đã bị thu hồi trước khi ký.",
        "Dùng chứng thư số mới và đăng ký lại với trung tâm.", "The certificate was revoked before signing."),
    Code.CERTIFICATE_UNREGISTERED: Problem(403, "Số sê-ri của chứng thư số chưa được đăng ký cho cơ sở này.",
        "Đăng ký số sê-ri với trung tâm rồi đồng bộ lại.", "The certificate is not registered for this facility."),
    Code.REGISTRATION_PROOF: Problem(422, "Chữ ký chứng minh giữ chứng thư số không thuộc về lần đăng ký này.",
        "Đăng ký lại từ token ngay tại máy của cơ sở.", "The proof of possession was made for another request."),
    Code.REGISTRATION_CONFLICT: Problem(422, "Số sê-ri này đã được đăng ký cho một cơ sở khác.",
        "Kiểm tra lại số sê-ri; liên hệ trung tâm nếu đúng là của cơ sở này.",
        "The serial number is registered for another facility."),
    Code.REGISTRATION_REFUSED: Problem(422, "Trung tâm không chấp nhận đăng ký chứng thư số này.",
        "Liên hệ trung tâm để biết lý do rồi đăng ký lại.", "The centre has refused the registration."),
    Code.KEY_USAGE: Problem(403, "Chứng thư số không được cấp để ký số.",
        "Dùng chứng thư số có mục đích ký số.", "The certificate may not be used for signing this."),
    Code.CRL_INVALID: Problem(422, "Tệp danh sách chứng thư số bị thu hồi (CRL) không đọc được hoặc sai thời gian.",
        "Tải lại từ trang của tổ chức chứng thực, kiểm tra đồng hồ của máy chủ.",
        "Not a revocation list, or its times are wrong."),
    Code.CRL_UNSUPPORTED: Problem(422, "Danh sách thu hồi (CRL) thuộc loại chưa được hỗ trợ.",
        "Lấy danh sách đầy đủ của tổ chức chứng thực, không dùng bản bổ sung (delta) hoặc gián tiếp.",
        "A delta, indirect or otherwise partial revocation list is not taken."),
    Code.CRL_UNTRUSTED: Problem(403, "Danh sách thu hồi (CRL) không do tổ chức chứng thực được tin cậy ký.",
        "Lấy danh sách từ đúng tổ chức chứng thực; nếu là tổ chức mới, thêm chứng thư của tổ chức đó trước.",
        "No trusted authority signed the revocation list."),
    Code.CRL_OLDER: Problem(422, "Danh sách thu hồi (CRL) không mới hơn bản đang giữ.",
        "Không phải làm gì; hoặc tải bản mới nhất từ tổ chức chứng thực.",
        "The revocation list is not newer than the one held."),
    # Trees, receipts, heads.
    Code.PROOF_INVALID: Problem(422, "Bằng chứng trong sổ cái không đúng.",
        "Không sử dụng dữ liệu này; báo bộ phận hỗ trợ.", "The Merkle proof does not lead to the root."),
    Code.RECEIPT_MISMATCH: Problem(422, "Biên nhận không thuộc về gói đã gửi.",
        "Gửi lại gói để lấy đúng biên nhận.", "The receipt is not for this bundle."),
    Code.HEAD_INCONSISTENT: Problem(422, "Đầu cây của sổ cái mâu thuẫn với đầu cây đã biết.",
        "Giữ nguyên dữ liệu và báo ngay cho trung tâm.", "The tree head contradicts one seen before."),
    Code.LEDGER_EPOCH: Problem(409, "Sổ cái của trung tâm và của máy này đang ở hai kỳ khác nhau.",
        "Giữ nguyên các gói: phần mềm tự gửi lại khi trung tâm công bố kỳ mới; nếu kéo dài, báo trung tâm.",
        "The ledger's epoch is another than the one known; history may have been lost."),
    # Nodes and their chains.
    Code.NODE_UNKNOWN: Problem(404, "Trung tâm không biết nút này.",
        "Ghi danh nút bằng tệp ghi danh do trung tâm cấp.", "The node is not enrolled."),
    Code.NODE_DENIED: Problem(403, "Nút này đã bị trung tâm ngừng tiếp nhận.",
        "Liên hệ trung tâm để biết lý do.", "The node has been denied."),
    Code.ENROLMENT_INVALID: Problem(403, "Tệp ghi danh hoặc mã dùng một lần không hợp lệ, đã dùng hoặc đã hết hạn.",
        "Xin trung tâm cấp tệp ghi danh mới.", "The enrolment is invalid, used up or expired."),
    Code.EPOCH: Problem(409, "Máy này là bản sao cũ: một máy khác của nút đang tiếp tục.",
        "Mở trang Bản sao để xem việc cần làm; xuất các mũi tiêm chưa gửi trước khi ghi danh lại.",
        "The node's epoch is not the current one."),
    Code.EPOCH_REFUSED: Problem(403, "Trung tâm không cho máy này mở kỳ mới.",
        "Gọi trung tâm để biết lý do; xuất các mũi tiêm chưa gửi để ghi lại ở máy được chọn.",
        "A person at the centre refused the new epoch."),
    Code.EPOCH_MISMATCH: Problem(409, "Yêu cầu hoặc trả lời mở kỳ mới không khớp, hoặc đã được quyết định.",
        "Mở lại trang để xem tình trạng hiện nay.", "A request or answer for a new epoch belongs to another one."),
    Code.EPOCH_SHOWN: Problem(409, "Trung tâm đã khôi phục và chờ người phụ trách xác nhận kỳ của máy này.",
        "Gọi trung tâm: mở trang Bản sao và xác nhận. Máy tự gửi tiếp sau đó; không xóa gì.",
        "What the node showed of an epoch that the centre has lost waits for a person."),
    Code.NOT_NEXT: Problem(409, "Gói không phải là gói kế tiếp trung tâm đang chờ.",
        "Phần mềm sẽ tự gửi tiếp từ gói trung tâm cần.", "The bundle is not the next of its chain."),
    Code.FORKED: Problem(409, "Có hai gói khác nhau mang cùng số thứ tự của nút.",
        "Không xóa gì; chờ người phụ trách ở trung tâm quyết định.", "Two bundles claim the same sequence number."),
    Code.REPLAYED: Problem(409, "Yêu cầu này đã được trả lời, hoặc câu trả lời thuộc về một yêu cầu khác.",
        "Máy tự hỏi lại bằng yêu cầu mới; không phải làm gì thêm.",
        "The request was answered before, or the answer belongs to another request."),
    Code.LATER: Problem(429, "Trung tâm đang bận.",
        "Phần mềm sẽ tự gửi lại sau ít phút.", "The centre is busy; try again later."),
    # What a batch claims.
    Code.BATCH_PEOPLE: Problem(422, "Lượt ký có quá 1.000 người.",
        "Chia thành nhiều lượt ký.", "A signing pass covers at most 1,000 people."),
    Code.BATCH_DOSES: Problem(422, "Lượt ký có quá 3.000 mũi tiêm, hoặc quá 3 mũi của một người.",
        "Chia thành nhiều lượt ký.", "A signing pass covers at most 3,000 doses, and 3 of one person."),
    Code.COLUMNS_INVALID: Problem(422, "Phần dữ liệu mũi tiêm trong gói bị sai cấu trúc.",
        "Cập nhật phần mềm bên gửi; mũi tiêm sẽ được gửi lại.", "The packed doses do not unpack strictly."),
    Code.ROOT_MISMATCH: Problem(422, "Mũi tiêm trong gói không khớp với nội dung đã ký.",
        "Ký lại các mũi tiêm trong một lượt mới.", "The doses do not give the signed root."),
    Code.COUNT_MISMATCH: Problem(422, "Số người hoặc số mũi tiêm không khớp với bản kê đã ký.",
        "Ký lại các mũi tiêm trong một lượt mới.", "People or doses differ from the signed counts."),
    Code.FACILITY_MISMATCH: Problem(422, "Lô ký hoặc phiếu chốt ngày thuộc về cơ sở tiêm khác.",
        "Chỉ gửi lô ký và phiếu chốt ngày của chính cơ sở này.",
        "The batch or closing sheet names another facility or node."),
    Code.PURPOSE: Problem(422, "Mục đích của lượt ký không hợp với ngày tiêm.",
        "Chọn đúng mục đích (trong ngày, tồn đọng, đính chính) rồi ký lại.",
        "The purpose does not fit the days of the doses."),
    Code.DELEGATION: Problem(422, "Cơ sở không có ủy quyền ký tập trung đang có hiệu lực cho đơn vị và ngày tiêm này.",
        "Liên hệ trung tâm để đăng ký đơn vị đầu mối ký, hoặc cơ sở tự ký các mũi tiêm.",
        "No delegation covers this site, signer, time and day."),
    Code.HANDOVER: Problem(422, "Có mũi tiêm mà cơ sở không chuyển cho đơn vị đầu mối này, hoặc đã bị thay đổi.",
        "Đơn vị đầu mối chỉ ký hoặc trả lại đúng các mũi tiêm đã nhận; kiểm tra rồi làm lại.",
        "The site did not hand these doses over as they were signed or sent back."),
    Code.TIME_WINDOW: Problem(422, "Thời điểm ký không nằm trong khoảng thời gian chứng minh được.",
        "Kiểm tra đồng hồ của máy, đồng bộ rồi ký lại.", "The claimed time is outside the provable window."),
    # What a closing sheet says.
    Code.CLOSING_SUMS: Problem(422, "Các số liệu trong phiếu chốt ngày không khớp với nhau.",
        "Lập lại phiếu chốt ngày của ngày; nếu vẫn lỗi, báo bộ phận hỗ trợ.",
        "The counts of the closing sheet contradict each other."),
    # What a node asks about people.
    Code.QUESTIONS_DAY: Problem(429, "Hôm nay máy này đã hỏi trung tâm về quá nhiều người.",
        "Phần mềm sẽ tự hỏi lại vào ngày khác. Nếu cơ sở không có đông người như vậy, kiểm tra máy này.",
        "The node asks about more people than it may on a day."),
    # What is said of one dose.
    Code.DOSE_FACILITY: Problem(422, "Mũi tiêm không được thực hiện tại cơ sở này.",
        "Cơ sở đã tiêm phải tự ký mũi này.", "The dose was given at another facility."),
    Code.DOSE_DAY: Problem(422, "Ngày tiêm không hợp lệ đối với lượt ký này.",
        "Kiểm tra ngày tiêm; nhập muộn thì ghi rõ lý do.", "The day of the dose breaks the day rule."),
    Code.DOSE_REPEATED: Problem(422, "Ở trung tâm, số của mũi tiêm này đã thuộc về một mũi đã ký trước đó.",
        "Mở trang Bản sao và chọn “Ghi lại với số mới”.", "The dose's number belongs to one that was signed before."),
    Code.DOSE_DUPLICATE: Problem(422, "Người này đã có một mũi tiêm trùng ngày hoặc trùng số mũi.",
        "Đối chiếu với các cơ sở tiêm khác rồi đính chính bản sai.", "Another dose of this person says the same."),
    Code.DOSE_ORDER: Problem(422, "Số thứ tự mũi tiêm không đúng trình tự.",
        "Kiểm tra số mũi và các mũi đã tiêm trước đó.", "The dose number does not follow the earlier doses."),
    Code.DOSE_INTERVAL: Problem(422, "Khoảng cách giữa hai mũi tiêm ngắn hơn quy định.",
        "Kiểm tra ngày tiêm; nếu đúng, ghi rõ lý do.", "The interval between doses is too short."),
    Code.DOSE_VERSION: Problem(422, "Bản đính chính không nối tiếp bản đang có hiệu lực.",
        "Đồng bộ để lấy bản mới nhất rồi đính chính lại.", "The correction does not replace the newest version."),
    Code.PRODUCT_UNKNOWN: Problem(422, "Loại vắc xin không có trong danh mục đang dùng.",
        "Cập nhật danh mục rồi chọn lại loại vắc xin.", "The product is not in the catalogue."),
    Code.PRODUCT_MIXED: Problem(422, "Các mũi trước của người này là loại vắc xin khác.",
        "Xem lại lọ vắc xin; nếu đúng thì xác nhận.", "Another product than for the doses before."),
    Code.LOT_EXPIRED: Problem(422, "Lô vắc xin đã hết hạn vào ngày tiêm.",
        "Kiểm tra số lô và hạn dùng; báo phụ trách tiêm chủng.", "The lot had expired on the day of the dose."),
    Code.IDENTITY_MISSING: Problem(422, "Người được tiêm chưa có số định danh.",
        "Bổ sung số định danh cá nhân hoặc phối hợp công an xã.", "The recipient has no identity number."),
    Code.IDENTITY_MALFORMED: Problem(422, "Số giấy tờ không đúng cấu trúc, hoặc trái với ngày sinh, giới tính.",
        "Kiểm tra lại số trên giấy tờ rồi sửa.", "The identity number is malformed."),
    Code.IDENTITY_MISMATCH: Problem(422, "Thông tin không khớp với Cơ sở dữ liệu quốc gia về dân cư.",
        "Đối chiếu họ tên, ngày sinh, giới tính, số định danh trên giấy tờ.",
        "The recipient does not match the population database."),
    Code.IDENTITY_WAITING: Problem(422, "Đang chờ kết quả xác thực với Cơ sở dữ liệu quốc gia về dân cư.",
        "Chờ kết quả ở lần đồng bộ sau.", "The identity check has not been answered yet."),
    Code.IDENTITY_EVIDENCE: Problem(422, "Bằng chứng xác thực danh tính thiếu, đã cũ hoặc không đúng.",
        "Xác thực lại danh tính rồi ký lại.", "The identity evidence is missing, old or wrong."),
    # Versioned, signed sets: catalogue, trust list, population pack.
    Code.SET_OLDER: Problem(422, "Bộ dữ liệu cũ hơn bộ đang dùng.",
        "Giữ bộ đang dùng; lấy bản mới nhất từ trung tâm.", "The set is older than the one in use."),
    Code.SET_EXPIRED: Problem(422, "Bộ dữ liệu đã hết hạn sử dụng.",
        "Đồng bộ để lấy bản mới từ trung tâm.", "The set has expired."),
    Code.SET_FOREIGN: Problem(422, "Bộ dữ liệu được cấp cho cơ sở khác.",
        "Lấy đúng bộ dữ liệu của cơ sở này.", "The set was made for another facility."),
    Code.PACK_BASE: Problem(409, "Phần thay đổi của gói dữ liệu dân cư không dựa trên bản đang có.",
        "Vẫn dùng gói đang có; lần liên lạc sau máy tự xin cả gói.", "The change starts from another version."),
    Code.PACK_MISMATCH: Problem(422, "Phần thay đổi không cho ra đúng gói dữ liệu dân cư đã công bố.",
        "Vẫn dùng gói đang có; lần liên lạc sau máy tự xin cả gói.", "The change does not give the content it states."),
    # Health certificates.
    Code.HC1_PREFIX: Problem(400, "Mã QR không phải chứng nhận tiêm chủng (không bắt đầu bằng HC1:).",
        "Quét đúng mã QR trên hộ chiếu vắc xin.", "The text does not begin with HC1:."),
    Code.HC1_BASE45: Problem(400, "Nội dung mã QR bị sai ký tự.",
        "Quét lại mã QR, giữ ảnh rõ và đủ khung.", "The text is not Base45."),
    Code.HC1_INFLATE: Problem(400, "Nội dung mã QR không giải nén được hoặc quá lớn.",
        "Quét lại; nếu vẫn lỗi, không chấp nhận mã này.", "The content does not inflate within its limit."),
    Code.HC1_CLAIMS: Problem(422, "Phần thông tin cấp phát của chứng nhận bị thiếu hoặc sai.",
        "Không chấp nhận; đề nghị người dân lấy lại mã QR.", "The CWT claims are missing or wrong."),
    Code.HC1_CONTENT: Problem(422, "Nội dung chứng nhận tiêm chủng không đúng quy cách.",
        "Không chấp nhận; đề nghị người dân lấy lại mã QR.", "The certificate's content breaks the schema."),
    Code.HC1_EXPIRED: Problem(422, "Chứng nhận tiêm chủng đã hết hạn.",
        "Đề nghị người dân lấy mã QR mới được cấp lại.", "The health certificate has expired."),
    Code.HC1_NOT_YET_VALID: Problem(422, "Chứng nhận tiêm chủng chưa có hiệu lực vào lúc này.",
        "Kiểm tra đồng hồ của máy quét.", "The health certificate was issued after this instant."),
    Code.SIGNER_LIFE: Problem(422, "Chứng thư số ký hộ chiếu vắc xin còn hiệu lực chưa đủ 12 tháng.",
        "Dùng chứng thư số mới rồi chạy lại ký tập trung.", "The signer's certificate ends within 12 months."),
    Code.NAME_UNWRITABLE: Problem(422, "Họ tên không phiên âm được sang chữ cái quốc tế (ICAO 9303).",
        "Kiểm tra họ tên, nhập riêng phần họ rồi làm lại.", "The name cannot be written in A to Z."),
    Code.UVCI_INVALID: Problem(422, "Mã số chứng nhận (UVCI) không hợp lệ.",
        "Báo bộ phận hỗ trợ của trung tâm.", "The certificate identifier is not a valid UVCI."),
    # Provisional slips.
    Code.SLIP_DAMAGED: Problem(400, "Mã QR của phiếu tạm thời bị hỏng hoặc đã bị sửa.",
        "Quét lại mã QR trên phiếu; nếu vẫn lỗi, đề nghị cơ sở in lại phiếu.",
        "The slip's text is damaged or was changed."),
    # Tools.
    Code.NOT_RECOGNISED: Problem(400, "Không nhận ra loại dữ liệu.",
        "Chọn tệp do phần mềm tạo ra, hoặc dán nguyên văn mã QR.", "The input is no artefact that we know."),
    Code.PICTURE_UNREADABLE: Problem(400, "Không đọc được mã QR nào trong ảnh.",
        "Chụp lại ảnh rõ nét, thấy trọn mã QR.", "No QR code could be read in the picture."),
}
# fmt: on
