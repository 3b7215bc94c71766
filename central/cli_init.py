"""`hcvx-central init`: makes a centre, for training or with the trust material that was handed over."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import click

from central.bootstrap import open_store
from central.cli_files import read_certificates
from central.cli_state import ENTROPY, State, json_option, pass_state, say
from central.config import CONFIG_FILE, PASSWORD_VARIABLE, SIGNER_PIN_VARIABLE, Config, encode_config, load_config
from central.store.artefact_files import write_artefact
from central.workflow.init_centre import TrustMaterial, init_centre, make_demo_material
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.opening import open_signer
from sync_protocol.usage_words import WrongUsage

_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command()
@click.option("--public-url", help="Where nodes reach the centre.")
@click.option("--name", help="The centre's name on pages.")
@click.option("--store-url", help="sqlite:///PATH or postgresql+psycopg://…")
@click.option("--port", type=click.IntRange(0, 65_535), help="TCP port of the web server.")
@click.option("--signer-uri", help="Signer of health certificates; makes the trust material real.")
@click.option("--country-anchor", type=_FILE, multiple=True, help="PEM of the document signer's authority.")
@click.option("--organisation-anchor", type=_FILE, multiple=True, help="PEM of an authority of organisations.")
@click.option("--organisation-intermediate", type=_FILE, multiple=True, help="PEM of an authority below it.")
@click.option("--catalogue", type=_FILE, help="TOML; the built-in catalogue unless given.")
@json_option
@pass_state
def init(
    state: State,
    *,
    public_url: str | None,
    name: str | None,
    store_url: str | None,
    port: int | None,
    signer_uri: str | None,
    country_anchor: tuple[Path, ...],
    organisation_anchor: tuple[Path, ...],
    organisation_intermediate: tuple[Path, ...],
    catalogue: Path | None,
) -> None:
    """Make the centre, or whatever of it is missing. Without --signer-uri it is a centre for training."""
    if signer_uri and not organisation_anchor:
        raise WrongUsage("--signer-uri cần --organisation-anchor.", "--signer-uri needs --organisation-anchor")
    _write_settings(
        state.directory,
        {
            ("centre", "name"): name,
            ("centre", "public_url"): public_url,
            ("centre", "material"): "real" if signer_uri else None,
            ("store", "url"): store_url,
            ("signer", "uri"): signer_uri,
            ("web", "port"): port,
        },
    )
    config = load_config(state.directory, state.environment)
    secret = state.secret()
    password = secret(PASSWORD_VARIABLE, "Mật khẩu của các khóa trung tâm")
    pin = secret(SIGNER_PIN_VARIABLE, "PIN của khóa ký chứng nhận")
    now = state.clock.now()
    if config.is_demo:
        material = make_demo_material(
            config.keys_directory, password=password, signer_pin=pin, entropy=ENTROPY, now=now
        )
    else:
        material = TrustMaterial(
            document_signers=[_signer_certificate(config, pin)],
            country_anchors=[item for path in country_anchor for item in read_certificates(path)],
            organisation_anchors=[item for path in organisation_anchor for item in read_certificates(path)],
            organisation_intermediates=[item for path in organisation_intermediate for item in read_certificates(path)],
        )
    built_in = files("central").joinpath("data/catalogue.toml").read_text(encoding="utf-8")
    result = init_centre(
        config,
        engine=open_store(config, create=True),
        material=material,
        catalogue=catalogue.read_text(encoding="utf-8") if catalogue else built_in,
        password=password,
        entropy=ENTROPY,
        now=now,
    )
    say("Đã lập trung tâm." if result.made else "Trung tâm đã có sẵn, không thay đổi gì.")
    say(f"Dấu vân tay của khóa công bố (đọc cho cơ sở khi ghi danh): {result.fingerprint}")
    if config.is_demo:
        say("CHÚ Ý: khóa và chứng thư này chỉ dùng để tập huấn.")
    state.emit(
        {
            "ok": True,
            "made": result.made,
            "directory": str(state.directory),
            "fingerprint": result.fingerprint,
            "document_signer_kid": result.document_signer_kid,
            "material": "demo" if config.is_demo else "real",
        }
    )


def _write_settings(directory: Path, settings: dict[tuple[str, str], str | int | None]) -> None:
    path = directory / CONFIG_FILE
    given = {key: value for key, value in settings.items() if value is not None}
    if not path.exists():
        write_artefact(path, [encode_config(given).encode()])
    elif given:
        say(f"{CONFIG_FILE} đã có: các lựa chọn trên dòng lệnh không được ghi vào, hãy sửa tệp này.")


def _signer_certificate(config: Config, pin: str) -> Certificate:
    with open_signer(config.signer_uri, lambda _question: pin) as signer:
        if signer.certificate is None:
            raise ProtocolError(Code.CERTIFICATE_INVALID, "signer: has no certificate")
        return signer.certificate
