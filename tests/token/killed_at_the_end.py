"""Run in a process of its own by a test: a node that is killed while its signer process is to end, and does not."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from pathlib import Path

from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.process_signer import ProcessSigner
from sync_protocol.signers.token_link import TokenTimeouts


def run(uri: str, calls: Path, *, pin: str) -> None:
    """Open the token, let it go, and die as soon as the driver is being left; tells the signer process's number."""
    with open_signer(uri, lambda _question: pin, timeouts=TokenTimeouts(close=600)) as signer:
        assert isinstance(signer, ProcessSigner)
        print(signer.process_id, flush=True)
        threading.Thread(target=signer.close, daemon=True).start()
        while "C_Finalize" not in calls.read_text():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    run(sys.argv[1], Path(sys.argv[2], "calls"), pin=sys.stdin.readline().rstrip("\n"))
