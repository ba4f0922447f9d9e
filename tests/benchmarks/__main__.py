"""Speed and memory, as ratios against peers measured in the same run. `python -m tests.benchmarks [--quick] [PART]...`"""

import argparse
import sys

from tests.benchmarks import archive, exports, files, matrix, rewrites
from tests.benchmarks.show import Line

PARTS = {
    "archive": archive.run,
    "exports": exports.run,
    "files": files.run,
    "matrix": matrix.run,
    "rewrites": rewrites.run,
}


def main() -> int:
    """Run the parts; 1 when a goal was missed."""
    parser = argparse.ArgumentParser(description="Speed and memory against peers in the same run.")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything; the goals are meant for the whole")
    parser.add_argument("part", nargs="*", choices=[*PARTS, []], help="only these parts")
    given = parser.parse_args()
    lines: list[Line] = []
    for part in given.part or PARTS:
        lines += PARTS[part](quick=given.quick)
    missed = [line for line in lines if not line.ok]
    print(f"\n{len(lines) - len(missed)} of {len(lines)} figures without a missed goal.")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
