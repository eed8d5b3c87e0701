"""A headless Chromium for tests, benches and pictures; and axe-core, where the machine has it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
)
AXE = "HDF_AXE"
"""The variable that names axe-core's ``axe.min.js``; it comes from npm."""


def missing() -> str:
    """Why there is no browser to test with; empty where there is one."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"there is no {program}"
    try:
        import selenium  # noqa: F401
    except ImportError:
        return "selenium is not installed (extra browser)"
    return ""


def axe_source() -> str:
    """The text of axe-core; empty where the machine has none."""
    path = os.environ.get(AXE)
    return Path(path).read_text(encoding="utf-8") if path else ""


@contextmanager
def chromium(width: int = 1280, height: int = 860, *flags: str) -> Iterator[Any]:
    """A selenium driver with a profile of its own, which keeps a log of the network."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    with TemporaryDirectory() as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        for flag in (*FLAGS, f"--window-size={width},{height}", f"--user-data-dir={profile}"):
            options.add_argument(flag)
        for flag in flags:
            options.add_argument(flag)
        driver = webdriver.Chrome(options, Service(shutil.which("chromedriver")))
        try:
            yield driver
        finally:
            driver.quit()
