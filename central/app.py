"""The centre's web application: the sync calls, the pages, and the server that waits on loopback."""

from __future__ import annotations

from typing import Final

import waitress
from flask import Flask

from central.bootstrap import Centre
from central.web.nodes import nodes_blueprint
from central.web.operator import operator_blueprint
from central.web.passports import passports_blueprint
from central.web.problems import handle_problems
from central.web.security import secure
from central.web.trust import trust_blueprint
from sync_protocol import limits

# Headers and form fields of pages stay far below; a sealed bundle is the largest body.
_BODY_BYTES: Final = limits.SEALED_BYTES + 1


def create_app(centre: Centre) -> Flask:
    """Puts the application together upon an open centre."""
    app = Flask("central.web", static_folder="static", template_folder="templates")
    secure(app, public_url=centre.config.public_url, body_bytes=_BODY_BYTES)
    handle_problems(app)
    app.register_blueprint(nodes_blueprint(centre))
    app.register_blueprint(operator_blueprint(centre))
    app.register_blueprint(trust_blueprint(centre))
    app.register_blueprint(passports_blueprint(centre))
    return app


def serve(centre: Centre) -> None:
    """Serves until the process ends. Waitress buffers bodies, so slow senders hold no worker."""
    config = centre.config
    waitress.serve(
        create_app(centre),
        host=config.web_host,
        port=config.web_port,
        threads=config.web_threads,
        max_request_body_size=_BODY_BYTES,
        ident=None,
    )
