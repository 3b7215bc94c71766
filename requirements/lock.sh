#!/bin/sh
# Writes the hashed locks anew from pyproject.toml (needs `uv`); no index address gets into them.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-annotate "$@"; }
lock pyproject.toml requirements/tools.in -o requirements/runtime.txt
lock --extra dev --extra picture pyproject.toml requirements/tools.in -o requirements/dev.txt
lock requirements/interop.in -o requirements/interop.txt
