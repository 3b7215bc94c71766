"""What exists before the day begins: two communes, the registry's file, and what is about to be written on lists."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from tests.demo.day_lists import Row, Vial, rows_for, write_day_list
from tests.demo.people import Fault, Population, Villager

# Products as stations write them, with lots and expiry dates of the demo's own.
_ASTRAZENECA = "AstraZeneca"
_PFIZER = "Pfizer"


# Where the visitors live: a commune that no site of the demo serves, so that no pack holds them.
_FAR_UNIT = "00184"
_FAR_PLACE = "Hà Nội"
_VISITORS = 3


@dataclass(frozen=True, slots=True)
class Site:
    """A site of the demo: codes, names, people of its commune."""

    facility: str
    node: str
    name: str
    unit: str
    officer: str
    hamlets: tuple[str, ...]
    staff: tuple[str, ...]
    vials: tuple[Vial, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """The day lists of one site as files, and what a careful reader would count on them."""

    morning: Path
    afternoon: Path
    late: Path | None
    doses: int
    broken: int


@dataclass(frozen=True, slots=True)
class World:
    """Two sites, one registry file, three or two lists for each site."""

    sites: tuple[Site, Site]
    lists: dict[str, Lists]
    registry: Path
    registered: int


def _vials(day: dt.date, letter: str) -> tuple[Vial, ...]:
    expiry = f"{day + dt.timedelta(days=200):%d/%m/%Y}"
    return (Vial(_ASTRAZENECA, f"{letter}A0317", expiry), Vial(_PFIZER, f"{letter}P1142", expiry))


def build(directory: Path, *, day: dt.date, people: int) -> World:
    """Draws two communes and writes their registry and day lists.

    Args:
        directory: where the files go.
        day: the local day on which everything happens.
        people: how many come to each site.
    """
    population = Population(20261121)
    site_a = Site(
        facility="19042",
        node="19042A",
        name="Trạm Y tế xã Hoa Ban",
        unit="05692",
        officer="Nguyễn Thị Hằng",
        hamlets=("Xóm Đồng Tâm", "Xóm Bản Lếch", "Xóm Ngọc Sơn"),
        staff=("Lý Thị Duyên", "Triệu Văn Khải", "Hà Thị Nụ"),
        vials=_vials(day, "A"),
    )
    # A generator of their own: with and without them everybody else is the same.
    far = Population(20261122)
    visitors = [far.visitor(_FAR_PLACE) for _ in range(_VISITORS)]
    site_b = Site(
        facility="19043",
        node="19043A",
        name="Đội tiêm lưu động xã Khe Mơ",
        unit="05695",
        officer="Trần Quốc Vỹ",
        hamlets=("Bản Khe Cạn", "Bản Nà Mò"),
        staff=("Nông Văn Đệ", "Tạ Thị Ẩn"),
        vials=_vials(day, "B"),
    )
    at_a = [population.villager(list(site_a.hamlets)) for _ in range(people)]
    at_b = [population.villager(list(site_b.hamlets)) for _ in range(people)]
    sound = [villager for villager in at_a if villager.fault is Fault.NONE]
    # Thirty of commune B had their first dose at site A five weeks ago, on paper; it is entered late today.
    second_dose = [villager for villager in at_b if villager.fault is Fault.NONE][: max(2, people // 33)]
    # A few stand on both lists of the same day by mistake.
    twice = sound[-max(2, people // 160) :]
    at_b = [*at_b[: people - len(twice)], *twice]
    lists = directory / "day-lists"
    lists.mkdir(parents=True, exist_ok=True)
    late_day = day - dt.timedelta(days=35)
    made = {
        site_a.facility: _write_site(
            lists, population, site_a, at_a, day=day, late=(second_dose, late_day), visitors=visitors
        ),
        site_b.facility: _write_site(lists, population, site_b, at_b, day=day, second_dose=second_dose),
    }
    registry = directory / "registry.csv"
    registered = _write_registry(registry, [(site_a.unit, at_a), (site_b.unit, at_b), (_FAR_UNIT, visitors)])
    return World((site_a, site_b), made, registry, registered)


def _write_site(
    lists: Path,
    population: Population,
    site: Site,
    villagers: list[Villager],
    *,
    day: dt.date,
    late: tuple[list[Villager], dt.date] | None = None,
    second_dose: list[Villager] | None = None,
    visitors: list[Villager] | None = None,
) -> Lists:
    half = len(villagers) // 2
    returning = {villager.registered.number for villager in second_dose or []}
    paths, doses, broken = [], 0, 0
    for name, part, hour in (("sang", villagers[:half], 7), ("chieu", villagers[half:], 13)):
        rows = rows_for(
            population, part, vials=list(site.vials), day=day, first_hour=hour, hours=3, staff=list(site.staff)
        )
        rows = [_second(row, site) if row.villager.registered.number in returning else row for row in rows]
        if visitors and name == "sang":
            rows += rows_for(
                Population(1), visitors, vials=list(site.vials), day=day, first_hour=10, hours=1, staff=list(site.staff)
            )
        path = lists / f"{site.facility}-{name}.xlsx"
        broken += write_day_list(path, rows, station=site.name)
        doses += len(rows)
        paths.append(path)
    late_path = None
    if late is not None:
        late_path = lists / f"{site.facility}-nhap-bu.xlsx"
        rows = rows_for(
            population, late[0], vials=[site.vials[0]], day=late[1], first_hour=8, hours=3, staff=list(site.staff)
        )
        write_day_list(late_path, rows, station=site.name, broken_rows=False)
        doses += len(rows)
    return Lists(paths[0], paths[1], late_path, doses, broken)


def _second(row: Row, site: Site) -> Row:
    return Row(row.villager, site.vials[0], 2, row.given_on, row.given_at, row.vaccinator)


def _write_registry(path: Path, communes: list[tuple[str, list[Villager]]]) -> int:
    count, seen = 0, set()
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("SoDinhDanh", "HoVaTen", "NgayThangNamSinh", "GioiTinh", "MaXa"))
        for unit, villagers in communes:
            for villager in villagers:
                person = villager.registered
                if villager.fault is Fault.NOT_IN_REGISTRY or person.number in seen:
                    continue
                seen.add(person.number)
                sex = "Nam" if person.sex == "M" else "Nữ"
                writer.writerow((person.number, person.name, person.birth_date, sex, unit))
                count += 1
    return count
