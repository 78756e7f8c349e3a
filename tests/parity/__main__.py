"""`python -m tests.parity FILE...`: one line a quantity; exit code 1 if anything is off."""

import argparse
import sys
from pathlib import Path

import torch

from tests.parity.check import check_file
from tests.parity.rows import HEADER


def main() -> int:
    """Check the files given."""
    parser = argparse.ArgumentParser(prog="python -m tests.parity", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files of recorded tensors")
    parser.add_argument("--failures", action="store_true", help="only print what is off")
    args = parser.parse_args()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    total = failed = 0
    for path in args.files:
        print(f"\n{path.name}\n{HEADER}")
        rows = check_file(path)
        for row in rows:
            if not (row.ok and args.failures):
                print(row)
        total += len(rows)
        failed += sum(not row.ok for row in rows)
    print(f"\n{total} quantities, {failed} FAIL")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
