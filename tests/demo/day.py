"""The plot: one vaccination day at two sites and the centre, from the morning's list to the verified passport."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tests.demo.processes import (
    NOT_FINISHED,
    LossyLine,
    Program,
    StepFailedError,
    Verb,
    free_port,
    wait_for_port,
)
from tests.demo.story import Day, Narrator, StoryClock, number
from tests.demo.summary import SiteSummary, Summary
from tests.demo.world import Site, World, build

# For training only: they open the demo's own files and nothing else.
PASSPHRASE: Final = "chi-de-tap-huan"
PASSPORTS: Final = "passports.txt"
TRUST_LIST: Final = "trust-list.json"
SIGNED_TRUST_LIST: Final = "trust-list.hcvx"
LEDGER: Final = "ledger.hcvx"
_EDGE_SECRETS: Final = {"HCVX_EDGE_PASSPHRASE": PASSPHRASE}
_CENTRE_SECRETS: Final = {
    "HCVX_CENTRAL_PASSWORD": PASSPHRASE,
    "HCVX_CENTRAL_SIGNER_PIN": PASSPHRASE,
    "HCVX_CENTRAL_KEY_FILE_PASSWORD": PASSPHRASE,
}


@dataclass(slots=True)
class Actor:
    """One site of the story: who it is, its program, what its verbs said so far."""

    site: Site
    program: Program
    token: Path
    operations: int = 0
    sealed_bytes: int = 0
    signed_doses: int = 0
    settings: dict[str, str] = field(default_factory=dict)

    def note_signing(self, said: dict[str, Any]) -> dict[str, Any]:
        """Counts what a `sign` did."""
        self.operations += int(said["token_operations"])
        for one in said["sealed"]:
            self.sealed_bytes += int(one["sealed_bytes"])
            self.signed_doses += int(one["doses"])
        return said


def _import_verb(path: Path) -> list[str | Path]:
    late = "nhap-bu" in path.name
    return ["import", path, *(["--late-reason", "Nhập bù từ sổ giấy sau khi có phần mềm"] if late else [])]


@dataclass(slots=True)
class Play:
    """The whole day.

    Args:
        directory: where everything lies, made anew.
        narrator: tells it.
        people: how many come to each site.
        watch: sees each site process at its start; the kill test kills it.
    """

    directory: Path
    narrator: Narrator
    people: int = 1_000
    watch: Callable[[subprocess.Popen[str]], None] | None = None
    day: Day = field(default_factory=Day.yesterday)
    world: World = field(init=False)
    centre: Program = field(init=False)
    actors: list[Actor] = field(init=False, default_factory=list)
    port: int = field(init=False)
    fingerprint: str = field(init=False)

    def run(self) -> Summary:
        """Plays the day; raises StepFailedError where something does not go as it must."""
        self.before_the_day()
        self.centre_opens()
        with self.centre_serving():
            self.sites_open()
            self.morning()
            self.site_a_sends_and_loses_an_answer()
            self.afternoon()
            self.evening()
        self.end_of_day()
        return self.sum_up()

    def before_the_day(self) -> None:
        tell = self.narrator
        tell.chapter("Trước ngày tiêm · hai xã, một trung tâm, không có gì thật ngoài phần mềm")
        self.world = build(self.directory, day=self.day.date, people=self.people)
        lists = self.world.lists.values()
        tell.line(
            self.day.at(5, 30),
            f"{number(self.world.registered)} người trong CSDL dân cư giả lập; "
            f"{number(sum(one.doses for one in lists))} mũi tiêm trên danh sách XLSX, "
            "khoảng 30 % có lỗi định danh như ngoài đời",
            read="tests/demo/people.py",
        )

    def centre_opens(self) -> None:
        at, tell = self.day.at(6), self.narrator
        self.port = free_port()
        clock = StoryClock(self.directory / "story-clock")
        self.centre = Program("central", self.directory / "centre", _CENTRE_SECRETS, clock)
        url = f"http://127.0.0.1:{self.port}"
        for site in self.world.sites:
            program = Program("edge", self.directory / f"site-{site.facility}", _EDGE_SECRETS, clock)
            if self.watch is not None:
                program.watch = self.watch
            self.actors.append(Actor(site, program, self.directory / f"token-{site.facility}.p12"))
        init, registry, *made = self.centre.run(
            at,
            ["init", "--public-url", url, "--name", "Trung tâm tập huấn", "--port", str(self.port)],
            ["import-registry", self.world.registry],
            *(verb for actor in self.actors for verb in self._enrolling(actor)),
        )
        tell.line(
            at,
            f"Trung tâm lập khóa, danh sách tin cậy, sổ cái; nhập {number(registry['written'])} người",
            read="central/workflow/init_centre.py",
        )
        serials = [said["serial"] for said in made if "serial" in said]
        self.centre.run(
            at,
            *(
                ("register-certificate", actor.site.facility, str(serial), "--officer", actor.site.officer)
                for actor, serial in zip(self.actors, serials, strict=True)
            ),
        )
        for actor, serial in zip(self.actors, serials, strict=True):
            tell.line(
                at,
                f"{actor.site.name}: đăng ký chứng thư số …{serial[-8:]}, tệp ghi danh dùng một lần",
                read="central/workflow/enrol_facility.py",
            )
        self.fingerprint = str(init["fingerprint"])
        tell.line(
            at,
            f"Dấu vân tay khóa công bố, đọc qua điện thoại: {self.fingerprint}",
            read="sync_protocol/enrolment_file.py",
        )

    def _enrolling(self, actor: Actor) -> list[Verb]:
        site = actor.site
        certificate = ["issue-organisation-certificate", "--organisation", site.name, "--officer", site.officer]
        enrolment = ["enrol", site.facility, site.node, "--name", site.name]
        # Both communes: people of one come to the site of the other, and stand in its pack.
        enrolment += [word for one in self.world.sites for word in ("--unit", one.unit)]
        return [[*certificate, "--out", actor.token], [*enrolment, "--out", self._enrolment(site)]]

    @contextmanager
    def centre_serving(self) -> Iterator[None]:
        """The centre's web server, as long as the block runs."""
        process = self.centre.start(["run"])
        try:
            wait_for_port(self.port, process)
            yield
        finally:
            process.terminate()
            process.communicate(timeout=30)

    def sites_open(self) -> None:
        at, tell = self.day.at(6, 45), self.narrator
        tell.chapter("Buổi sáng · hai cơ sở mở máy, nhận gói dân cư, rồi rút dây mạng")
        for actor in self.actors:
            if not (actor.program.directory / "node.db").exists():
                actor.program.run(at, ["init"], expect=(0, 1))
            actor.program.run(at, ["enrol", self._enrolment(actor.site), "--fingerprint", self.fingerprint])
        packs = {actor.site.node: self.directory / f"pack-{actor.site.node}.hcvx" for actor in self.actors}
        built = self.centre.run(at, *(("build-pack", node, "--out", path) for node, path in packs.items()))
        for actor, pack in zip(self.actors, built, strict=True):
            actor.program.run(at, ["import-pack", packs[actor.site.node]])
            tell.line(
                at,
                f"{actor.site.name} ghi danh nút {actor.site.node}; gói dân cư {number(pack['people'])} người, "
                f"{number(pack['bytes'])} byte, niêm phong riêng cho nút",
                read="sync_protocol/population.py",
            )
        # From here on site B has no network: its setting points at a port on which nobody listens.
        self.actors[1].settings = {"HCVX_EDGE_CENTRE_URL": f"http://127.0.0.1:{free_port()}"}

    def morning(self) -> None:
        """The first lists: looked at, imported, checked, signed."""
        for actor, at in zip(self.actors, (self.day.at(11, 30), self.day.at(11, 45)), strict=True):
            self._session(actor, [self.world.lists[actor.site.facility].morning], at)

    def afternoon(self) -> None:
        """The rest of the day, and at site A what five weeks ago went into a paper book."""
        self.narrator.chapter("Buổi chiều · phần còn lại của ngày, và những mũi năm tuần trước còn trên giấy")
        for actor, at in zip(self.actors, (self.day.at(16, 30), self.day.at(16, 45)), strict=True):
            lists = self.world.lists[actor.site.facility]
            files = [lists.afternoon] if lists.late is None else [lists.afternoon, lists.late]
            self._session(actor, files, at)

    def _session(self, actor: Actor, files: list[Path], at: int) -> None:
        tell, name = self.narrator, actor.site.name
        verbs = [_import_verb(path) for path in files]
        expected = 0
        for path, dry in zip(files, actor.program.run(at, *verbs), strict=True):
            rows = dry["rows"]
            expected += rows["new"] + rows["proposed"]
            tell.line(
                at,
                f"{name}: chạy thử {path.name}: {number(rows['new'])} mới, "
                f"{rows['proposed']} mất số 0 đầu (đề nghị sửa), "
                f"{rows['conflict']} mâu thuẫn, {rows['broken']} hỏng",
                read="edge/workflow/import_day_list.py",
            )
        with tell.progress(expected, "        ghi, đối chiếu, ký") as bar:
            *imported, checked, signed = actor.program.run(
                at,
                *([*verb, "--apply", "--proposals", "accept"] for verb in verbs),
                ["check-identity"],
                ["sign", "--signer", f"software:{actor.token}", "--officer", actor.site.officer, "--pin-stdin"],
                # A line for each turn of 1,000 people; what is not needed is not read.
                answers=f"{PASSPHRASE}\n" * 3,
            )
            bar(sum(said["rows"]["new"] + said["rows"]["same"] for said in imported))
        matched = checked["answers"].get("matched", 0)
        tell.line(
            at + 300,
            f"{name}: đối chiếu {number(checked['checked'])} người không cần mạng, khớp {number(matched)}",
            read="edge/workflow/check_identity.py",
        )
        actor.note_signing(signed)
        for one in signed["sealed"]:
            each = number(one["sealed_bytes"] / one["doses"], 1)
            tell.line(
                at + 600,
                f"{name}: [bold]1 lần dùng token[/bold] ký {number(one['doses'])} mũi, "
                f"{number(one['people'])} người, "
                f"gói {number(one['sealed_bytes'])} byte ({each} byte một mũi)",
                read="edge/workflow/sign_pass.py",
            )

    def site_a_sends_and_loses_an_answer(self) -> None:
        at, tell, actor = self.day.at(12, 5), self.narrator, self.actors[0]
        (before,) = actor.program.run(at - 60, ["status"])
        with LossyLine(self.port) as line:
            over = {"HCVX_EDGE_CENTRE_URL": f"http://127.0.0.1:{line.port}"}
            actor.program.run(at, ["sync", "--once"], settings=over, expect=(NOT_FINISHED, 0))
            tell.line(
                at,
                f"{actor.site.name} gửi gói sáng; câu trả lời {number(line.lost_bytes)} byte mất trên đường",
                read="edge/workflow/exchange.py",
            )
        self._send(actor, at + 120)
        tell.line(
            at + 120,
            "Gửi lại đúng những byte ấy: trung tâm trả lại biên nhận đầu tiên, sổ cái vẫn chỉ có một mục",
            read="central/workflow/admit_bundle.py",
        )
        (after,) = actor.program.run(at + 180, ["status"])
        tell.line(
            at + 120,
            "Trong lần liên lạc ấy máy tự hỏi trung tâm về những người không có trong gói dân cư: "
            f"{number(after['matched'] - before['matched'])} người tỉnh khác khớp, ký cùng đợt chiều",
            read="edge/workflow/ask_identity.py",
        )

    def evening(self) -> None:
        """Site A sends over the network; site B only when its car is back in town."""
        tell = self.narrator
        a, b = self.actors
        self._send(a, self.day.at(17, 10))
        tell.line(
            self.day.at(17, 10),
            f"{a.site.name}: mọi gói đã có biên nhận, đã kiểm chứng",
            read="sync_protocol/receipt.py",
        )
        b.program.run(self.day.at(17, 15), ["sync", "--once"], settings=b.settings, expect=(NOT_FINISHED,))
        (unsent,) = b.program.run(self.day.at(17, 16), ["status"])
        tell.line(
            self.day.at(17, 15),
            f"{b.site.name}: không có mạng; không mất gì, còn {unsent['unsent']} gói chờ gửi",
            read="edge/domain/outbox.py",
        )
        self._by_stick(b)

    def _by_stick(self, actor: Actor) -> None:
        """A site without a network: what it signed goes to the centre on a stick, and the receipts come back on it."""
        tell, stick = self.narrator, self.directory / "usb"
        stick.mkdir()
        (out,) = actor.program.run(self.day.at(18), ["export-stick", stick], settings=actor.settings)
        tell.line(
            self.day.at(18),
            f"{actor.site.name}: chép ra USB {number(out['bytes'])} byte đã niêm phong; chưa gói nào tính là đã gửi",
            read="edge/workflow/export_stick.py",
        )
        (answered,) = self.centre.run(self.day.at(19, 40), ["exchange-folder", stick])
        tell.line(
            self.day.at(19, 40),
            f"USB đến trung tâm: đọc {len(answered['files'])} tệp, ghi {answered['written']} trả lời lên USB",
            read="central/workflow/exchange_folder.py",
        )
        (back,) = actor.program.run(self.day.at(20, 30), ["import-stick", stick], settings=actor.settings)
        (said,) = actor.program.run(self.day.at(20, 31), ["status"])
        if back["refused"] or said["unsent"]:
            raise StepFailedError(f"the centre refused {back['refused']} bundles, {said['unsent']} are unsent")
        tell.line(
            self.day.at(20, 30),
            f"USB về lại cơ sở: {back['admitted']} gói có biên nhận, đã kiểm chứng; không còn gói nào chờ",
            read="edge/workflow/import_stick.py",
        )

    def _send(self, actor: Actor, at: int) -> dict[str, Any]:
        (sent,) = actor.program.run(at, ["sync", "--once"])
        if sent["refused"] or sent["unsent"]:
            raise StepFailedError(f"the centre refused {sent['refused']} bundles, {sent['unsent']} are unsent")
        return sent

    def end_of_day(self) -> None:
        """The centre signs; then somebody who trusts nobody looks at everything."""
        at, tell = self.day.at(22), self.narrator
        tell.chapter("Cuối ngày · ký tập trung, rồi một người ngoài kiểm tra lại tất cả")
        files = {name: self.directory / name for name in (PASSPORTS, TRUST_LIST, SIGNED_TRUST_LIST, LEDGER)}
        first, second, *_ = self.centre.run(
            at,
            ["end-of-day"],
            ["end-of-day"],
            ["passports", "--to", files[PASSPORTS]],
            ["export-trust", "--form", "gateway", "--out", files[TRUST_LIST]],
            ["export-trust", "--form", "signed", "--out", files[SIGNED_TRUST_LIST]],
            ["export-ledger", "--out", files[LEDGER]],
            ["check"],
        )
        issued = int(first["issued"])
        if second["operations"]:
            raise StepFailedError("the second end-of-day run signed again")
        tell.line(
            at,
            f"Ký tập trung: {number(issued)} chứng nhận trong {number(first['passports'])} hộ chiếu; chạy lần nữa: 0",
            read="central/workflow/run_day.py",
        )
        with tell.progress(issued, "        hcvx-verify, không mạng, không cơ sở dữ liệu") as bar:
            accepted = self.verify("--trust", str(files[TRUST_LIST]), str(files[PASSPORTS]))
            bar(accepted)
        if accepted != issued:
            raise StepFailedError(f"hcvx-verify accepted {accepted} of {issued} certificates")
        self.verify("--trust", str(files[SIGNED_TRUST_LIST]), str(files[LEDGER]))
        tell.line(
            at + 60,
            f"hcvx-verify nhận cả {number(accepted)} chứng nhận và toàn bộ sổ cái",
            read="sync_protocol/artefact.py",
        )
        self._passports_come_home(self.actors[0])
        for actor in self.actors:
            actor.program.run(at + 600, ["check"])
        tell.line(
            at + 720,
            "Mỗi chương trình tự kiểm tra lại mọi thứ nó giữ, từ từng byte: không có gì sai",
            read="edge/workflow/check_store.py",
        )

    def _passports_come_home(self, actor: Actor) -> None:
        at = self.day.at(22, 5)
        with self.centre_serving():
            sent = self._send(actor, at)
        if not sent["taken"]:
            raise StepFailedError("the passports did not come back to the site")
        self.narrator.line(
            at,
            f"{actor.site.name}: đồng bộ, hộ chiếu của các mũi ghi ở đây về lại cơ sở, in được khi mất mạng",
            read="edge/workflow/show_certificates.py",
        )

    def verify(self, *arguments: str) -> int:
        """Runs `hcvx-verify`; returns how many artefacts it accepted.

        Raises:
            StepFailedError: one was refused.
        """
        done = subprocess.run(
            [sys.executable, "-m", "sync_protocol", "--json", *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise StepFailedError(f"hcvx-verify refused: {done.stdout[-500:]}{done.stderr[-500:]}")
        return sum('"ok": true' in line or '"ok":true' in line for line in done.stdout.splitlines())

    def sum_up(self) -> Summary:
        """Asks the programs where every dose is."""
        at = self.day.at(22, 30)
        (figures,) = self.centre.run(at, ["status"])
        sites, sealed = {}, 0
        for actor in self.actors:
            (said,) = actor.program.run(at, ["status"])
            central = figures["sites"][actor.site.facility]
            waiting = Counter(said["waiting"]) + Counter(central["waiting"])
            sealed += actor.sealed_bytes
            sites[actor.site.facility] = SiteSummary(
                name=actor.site.name,
                recorded=said["recorded"],
                matched=said["matched"],
                signed=said["signed"],
                received=said["received"],
                admitted=said["admitted"],
                certified=central["certified"],
                waiting=dict(sorted(waiting.items())),
                token_operations=actor.operations,
                passes=said["passes"],
                bytes_per_dose=round(actor.sealed_bytes / max(1, actor.signed_doses), 2),
            )
        return Summary(sites, sealed)

    def _enrolment(self, site: Site) -> Path:
        return self.directory / f"enrolment-{site.node}.hcvx"
