"""Faust's worker, run to an exit code: 0 stopped by SIGTERM, 130 by SIGINT, else what the failure says.

A stop that takes longer than its limit is forced: every partition is one transaction away from its log, so an
abrupt end loses nothing.
"""

import logging
import os
import signal
import sys
import threading
from typing import Any

import faust
import structlog

from stream.engine.app import KizunaApp

__all__ = ["EXIT_INTERRUPTED", "Worker"]

log = structlog.get_logger(__name__)

EXIT_INTERRUPTED = 130
EXIT_FAILED = 1


class Worker(faust.Worker):
    """Runs one app on one event loop, quietly: no spinner, no banner, no redirected output.

    Args:
        app: from `create_app`.
        loop: not running yet.
        stop_limit_s: after which a stop is forced.
    """

    logger = logging.getLogger("faust.engine")  # what Faust says through our classes stays Faust's

    def __init__(self, app: KizunaApp, *, loop: Any, stop_limit_s: float) -> None:
        super().__init__(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        self.spinner = None
        self._stop_limit_s = stop_limit_s
        self._interrupted = False
        self._stopped_by_signal = False
        self._stopping = False
        app.on_failure = self._stop_soon

    def run(self) -> int:
        """Until stopped; returns the exit code."""
        code: Any = EXIT_FAILED
        try:
            self.execute_from_commandline()
        except SystemExit as stop:
            code = stop.code
        if self.app.failure is not None:
            return int(self.app.failure.exit_code)
        if self._interrupted:
            return EXIT_INTERRUPTED
        if code or not self._stopped_by_signal:
            return EXIT_FAILED
        return 0

    def _on_sigint(self) -> None:
        self._interrupted = True
        self._on_signal(signal.SIGINT)

    def _on_sigterm(self) -> None:
        self._on_signal(signal.SIGTERM)

    def _on_signal(self, number: signal.Signals) -> None:
        log.info("stopping", signal=number.name)
        self._stopped_by_signal = True
        self._stop_soon()

    def _stop_soon(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        threading.Thread(target=self._force, name="stop-limit", daemon=True).start()
        self._schedule_shutdown(signal.SIGTERM)

    def _force(self) -> None:
        threading.Event().wait(self._stop_limit_s)
        failure = self.app.failure
        code = failure.exit_code if failure else EXIT_INTERRUPTED if self._interrupted else EXIT_FAILED
        log.error("stop forced; nothing committed is lost", after_s=self._stop_limit_s)
        sys.stderr.flush()
        os._exit(code)

    def _setproctitle(self, info: str, *, ident: str = "kizuna worker") -> None:
        super()._setproctitle(info, ident=ident)
