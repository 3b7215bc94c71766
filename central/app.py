"""The centre's web application: the sync calls, the pages, and the server that waits on loopback."""

from __future__ import annotations

from typing import Final

from flask import Flask

from central.bootstrap import Centre
from central.store.spool import Spool
from central.web.epochs import epochs_blueprint
from central.web.nodes import nodes_blueprint
from central.web.operator import operator_blueprint
from central.web.passports import passports_blueprint
from central.web.problems import handle_problems
from central.web.security import secure
from central.web.streaming import StreamingServer
from central.web.trust import trust_blueprint
from central.workflow.admit_bundle import admit_bundle
from central.workflow.take_transfer import TransferDesk
from sync_protocol.endpoints import TRANSFERS

# Headers and form fields of pages stay far below; a transfer is the largest body.
_BODY_BYTES: Final = TRANSFERS.request_bytes
# Partial bundles lie here, below the centre's directory.
_SPOOL: Final = "spool"


def open_desk(centre: Centre) -> TransferDesk:
    """What transfers need of an open centre."""

    def admit(sealed: bytes) -> bytes:
        return admit_bundle(
            sealed,
            engine=centre.engine,
            keys=centre.keys,
            registry=centre.registry,
            tree=centre.ledger,
            now=centre.clock.now(),
        )

    return TransferDesk(centre.engine, Spool(centre.config.directory / _SPOOL), admit, centre.clock.now)


def create_app(centre: Centre, transfers: TransferDesk | None = None) -> Flask:
    """Puts the application together upon an open centre; with `transfers` if its server hands bodies over in pieces."""
    app = Flask("central.web", static_folder="static", template_folder="templates")
    secure(app, public_url=centre.config.public_url, body_bytes=_BODY_BYTES)
    handle_problems(app)
    app.register_blueprint(nodes_blueprint(centre, transfers or open_desk(centre)))
    app.register_blueprint(operator_blueprint(centre))
    app.register_blueprint(trust_blueprint(centre))
    app.register_blueprint(epochs_blueprint(centre))
    app.register_blueprint(passports_blueprint(centre))
    return app


def make_server(centre: Centre, *, port: int | None = None) -> StreamingServer:
    """Listens, without answering yet: `run()` of the result serves until `stop()`.

    Args:
        centre: the open centre.
        port: in place of that of the settings; 0 for any free one.
    """
    config = centre.config
    transfers = open_desk(centre)
    transfers.spool.expire(now=centre.clock.now())
    return StreamingServer(
        create_app(centre, transfers),
        transfers,
        host=config.web_host,
        port=config.web_port if port is None else port,
        threads=config.web_threads,
        body_bytes=_BODY_BYTES,
    )


def serve(centre: Centre) -> None:
    """Serves until the process ends. Slow senders hold no thread."""
    make_server(centre).run()
