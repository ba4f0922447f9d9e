"""`make fuzz`: the targets under the coverage-guided fuzzer atheris, which is needed for this alone: pip install atheris.

    python -m tests.fuzz [--seconds 60] [TARGET...]

What it finds lies in .fuzz/TARGET/ as crash-*; put it into tests/fuzz/test_found.py. The inputs it came up with stay there too,
and the next run begins with them.
"""

import argparse
import importlib.util
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOUND = HERE.parent.parent / ".fuzz"


def one(name: str, seconds: int) -> None:
    """Fuzz one target in this process, which ends with it."""
    import atheris  # noqa: PLC0415 - only who fuzzes needs it

    with atheris.instrument_imports(include=["grouparchive"]):
        import targets  # noqa: PLC0415 - instrumented on the way in
    target = targets.TARGETS[name]
    corpus = FOUND / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={FOUND / name}/", "-timeout=20", "-rss_limit_mb=2048"]
    atheris.Setup([sys.argv[0], str(corpus), "-max_len=20000", "-print_final_stats=1", *options], target)
    atheris.Fuzz()


def main() -> int:
    """Fuzz all targets, or those named, each in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", metavar="TARGET")
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    sys.path.insert(0, str(HERE))
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write("atheris is not installed for this Python. Install it with: pip install atheris\n")
        return 2
    if asked.one:
        one(asked.names[0], asked.seconds)
    import targets  # noqa: PLC0415 - its folder had to be on the path first

    failed = []
    for name in asked.names or targets.TARGETS:
        began = time.monotonic()
        command = [sys.executable, "-m", "tests.fuzz", "--one", "--seconds", str(asked.seconds), name]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        runs = next((line.split()[-1] for line in done.stderr.splitlines() if "number_of_executed_units" in line), "?")
        verdict = "nothing found" if done.returncode == 0 else f"FAILED, see {FOUND / name}"
        sys.stdout.write(f"{name:32} {runs:>10} inputs {time.monotonic() - began:6.0f} s  {verdict}\n")
        sys.stdout.flush()
        if done.returncode:
            failed.append(name)
            (FOUND / name).mkdir(parents=True, exist_ok=True)
            (FOUND / name / "said.txt").write_text(done.stdout + done.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
