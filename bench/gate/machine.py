"""Which kind of machine this is: multiples of a yardstick compare between machines of one kind only.

A kind is the processor that numba compiles for, as LLVM names it, those of its features that decide which code hashes
and sorts, the OpenSSL that the yardstick is, and the interpreter and how it was built: one that was compiled with
profiles runs bytecode a fourth faster, and compiled code not. A virtual machine that hides a feature is another kind.
"""

from __future__ import annotations

import os
import platform
import ssl
import sys
import sysconfig
from typing import Any

import llvmlite.binding
from numba.core import config

FEATURES = ("avx2", "avx512f", "avx512vl", "sha", "neon", "sha2", "sve", "sm4")
"""Of x86-64 and of AArch64: vector units, and instructions for hashes."""

_BUILD_OPTIONS = {"pgo": "--enable-optimizations", "lto": "--with-lto"}


def python() -> str:
    """The interpreter's minor version: bytecode changes with it, and only with it."""
    return f"{sys.version_info.major}.{sys.version_info.minor}"


def features() -> list[str]:
    """Those of `FEATURES` that numba compiles for; it can be told to do without some."""
    if config.CPU_FEATURES is None:
        there = {name for name, has in llvmlite.binding.get_host_cpu_features().items() if has}
    else:
        there = {name[1:] for name in config.CPU_FEATURES.split(",") if name.startswith("+")}
    return [name for name in FEATURES if name in there]


def kind() -> dict[str, Any]:
    """What recordings are filed under; equal on machines whose multiples compare."""
    # OpenSSL can be told to do without instructions, too.
    hidden = os.environ.get("OPENSSL_ia32cap") or os.environ.get("OPENSSL_armcap")  # noqa: SIM112 - their names
    version = ssl.OPENSSL_VERSION_INFO
    return {
        "system": f"{platform.system()}-{platform.machine()}",
        "processor": config.CPU_NAME or llvmlite.binding.get_host_cpu_name(),
        "features": features(),
        "openssl": f"{version[0]}.{version[1]}" + (f" told {hidden}" if hidden else ""),
        "python": python(),
        "build": _build(),
    }


def _build() -> str:
    """How the interpreter was compiled."""
    options = sysconfig.get_config_var("CONFIG_ARGS") or ""
    given = [name for name, option in _BUILD_OPTIONS.items() if option in options]
    return " ".join([platform.python_compiler(), *given])


def told(kind: dict[str, Any]) -> str:
    """A kind in one line."""
    features = " ".join(kind["features"]) or "no vector units known"
    return f"{kind['processor']} ({features}), OpenSSL {kind['openssl']}, CPython {kind['python']} by {kind['build']}"
