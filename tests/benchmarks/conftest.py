"""The JupyterLab and the browser of the browser suite, for measuring what a page has to do."""

from __future__ import annotations

from tests.browser.conftest import chromium, context, lab, page, service, shared_service, watch

__all__ = ["chromium", "context", "lab", "page", "service", "shared_service", "watch"]
