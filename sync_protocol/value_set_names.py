"""The names behind the codes of a passport, as citizens and border officers read them.

Source: European value sets, version 2.12.0; nationalities by ISO 3166 in Vietnamese. A code that is not here is shown
as it is.
"""

from __future__ import annotations

from typing import Final

DISEASES: Final = {"840539006": "COVID-19"}

PROPHYLAXES: Final = {
    "1119349007": "Vắc xin mRNA phòng SARS-CoV-2",
    "29061000087103": "Vắc xin véc tơ vi rút không nhân lên phòng COVID-19",
    "1157024006": "Vắc xin bất hoạt phòng SARS-CoV-2",
    "28531000087107": "Vắc xin phòng COVID-19",
    "1162643001": "Vắc xin protein gai tái tổ hợp phòng SARS-CoV-2",
    "1119305005": "Vắc xin kháng nguyên SARS-CoV-2",
}

HOLDERS: Final = {
    "ORG-100001699": "AstraZeneca AB",
    "ORG-100030215": "BioNTech Manufacturing GmbH",
    "ORG-100031184": "Moderna Biotech Spain, S.L.",
    "ORG-100020693": "China Sinopharm International Corp. – Beijing",
    "ORG-100001417": "Janssen-Cilag International",
    "ORG-100023050": "Gulf Pharmaceutical Industries",
    "ORG-100001981": "Serum Institute of India Private Limited",
    "Gamaleya-Research-Institute": "Gamaleya Research Institute",
    "Bharat-Biotech": "Bharat Biotech",
    "CIGB": "Center for Genetic Engineering and Biotechnology",
}

NATIONALITIES: Final = {
    "VN": "Việt Nam",
    "AU": "Úc",
    "CA": "Ca-na-đa",
    "CN": "Trung Quốc",
    "DE": "Đức",
    "FR": "Pháp",
    "GB": "Anh",
    "ID": "In-đô-nê-xi-a",
    "IN": "Ấn Độ",
    "JP": "Nhật Bản",
    "KH": "Cam-pu-chia",
    "KR": "Hàn Quốc",
    "LA": "Lào",
    "MM": "Mi-an-ma",
    "MY": "Ma-lai-xi-a",
    "PH": "Phi-líp-pin",
    "RU": "Liên bang Nga",
    "SG": "Xinh-ga-po",
    "TH": "Thái Lan",
    "TW": "Đài Loan",
    "US": "Hoa Kỳ",
}
