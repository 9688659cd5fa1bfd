"""A real JupyterLab in a real browser: what a person sees, clicks, saves and opens again."""

import pytest

pytest.register_assert_rewrite("tests.browser.hostile")
