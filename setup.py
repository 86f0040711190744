"""Builds cdl._native: the C core once for each (instruction set, type), and the binding.

Environment: CDL_NO_OPENMP=1 builds without OpenMP (one thread, no libgomp).
Everything else about the package is in pyproject.toml.
"""

import glob
import os
import platform
import sys

import numpy
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import CCompilerError, CompileError, ExecError, PlatformError

ROOT = os.path.dirname(os.path.abspath(__file__))

COMMON = [
    "-std=gnu11", "-O3", "-g0", "-fvisibility=hidden", "-Wall", "-Wextra",
    # Same bits on every machine: multiply-adds only where the source says so.
    "-ffp-contract=off",
    # Nobody looks at errno or at the floating-point exceptions; without these, sqrt and comparisons do not vectorise.
    "-fno-math-errno", "-fno-trapping-math",
    f"-ffile-prefix-map={ROOT}=.",
]  # fmt: skip

INSTRUCTION_SETS = {"generic": []}
if platform.machine().lower() in ("x86_64", "amd64") and sys.maxsize > 2**32:
    INSTRUCTION_SETS = {
        "generic": ["-march=x86-64-v2"],
        "avx2": ["-mavx2", "-mfma"],
        "avx512": ["-mavx512f", "-mavx512dq", "-mavx512bw", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
    }

OPENMP = [] if os.environ.get("CDL_NO_OPENMP") == "1" else ["-fopenmp"]

UNITS = [f"{isa}_{real}" for isa in INSTRUCTION_SETS for real in ("float", "double")]
HEADERS = sorted(glob.glob("src/*.h"))
BINDING = sorted(glob.glob("src/native/*.pxi"))
COMMON_SOURCES = ["src/parallel.c", "src/memory.c", "src/move_rows.c", "src/dispatch.c"]
INCLUDED = sorted(set(glob.glob("src/*.c")) - {"src/_native.c", *COMMON_SOURCES})

libraries = [
    (
        f"cdl_{unit}",
        {
            "sources": [f"src/isa/{unit}.c"],
            "obj_deps": {"": HEADERS + INCLUDED},
            "cflags": [*COMMON, *INSTRUCTION_SETS[unit.split("_")[0]]],
        },
    )
    for unit in UNITS
]

native = Extension(
    "cdl._native",
    sources=["src/_native.pyx", *COMMON_SOURCES],
    depends=BINDING + HEADERS + INCLUDED + [f"src/isa/{unit}.c" for unit in UNITS],
    include_dirs=["src", numpy.get_include()],
    define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION"), ("NPY_TARGET_VERSION", "NPY_1_25_API_VERSION")],
    # Cython's code is not ours to warn about.
    extra_compile_args=[*COMMON, *OPENMP, "-Wno-unused-function", "-Wno-unused-parameter"],
    extra_link_args=OPENMP,
)


class Build(build_ext):
    """Builds the libraries first, also for `build_ext --inplace`, and says what is missing without a compiler."""

    def run(self):
        try:
            self.run_command("build_clib")
            super().run()
        except (CCompilerError, CompileError, ExecError, PlatformError) as error:
            raise SystemExit(
                f"cdl could not be compiled: {error}\n"
                "It needs a C compiler with GCC's vector extensions (GCC 10 or Clang 14, or later).\n"
                "  Debian, Ubuntu:  sudo apt install gcc python3-dev\n"
                "  Fedora:          sudo dnf install gcc python3-devel\n"
                "  macOS:           xcode-select --install   (then set CDL_NO_OPENMP=1)\n"
                "Set CDL_NO_OPENMP=1 if the compiler has no OpenMP."
            ) from error


setup(ext_modules=[native], libraries=libraries, cmdclass={"build_ext": Build})
