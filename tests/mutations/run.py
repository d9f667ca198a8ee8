#!/usr/bin/env python3
"""Applies each mutation of table.txt to a copy of the source and runs the tests that it names, one of which must fail.

    tests/mutations/run.py            all of them
    tests/mutations/run.py WORD...    those whose block has one of the words
    tests/mutations/run.py --places   only looks whether each has its place, and its tests are there

A mutation whose place is gone, or is not the only one, does not compile, or passes is a failure. So is a test that fails without any."""

import sys
import time
from pathlib import Path

from tree import ROOT, Tree, read_table, target


def main():
    words = [word for word in sys.argv[1:] if word != "--places"]
    mutations = [m for m in read_table(Path(__file__).with_name("table.txt"))
                 if not words or any(w in " ".join([m.path, m.what, m.old, m.new, *m.tests]) for w in words)]
    if not mutations:
        sys.exit("no mutation matches")
    gone = []
    for mutation in mutations:
        try:
            mutation.of((ROOT / mutation.path).read_text())
        except (OSError, ValueError) as problem:
            gone.append(str(problem))
        names = [test.partition("/")[0] for test in mutation.tests]
        gone += [f"{mutation.path}: there is no {name}" for name in names if not any((ROOT / "tests").glob(f"*/{name}" if name.endswith(".sh") else f"*/{name}.c"))]
    if gone:
        sys.exit("\n".join(gone))
    if "--places" in sys.argv:
        print(f"100%: Checks: {len(mutations)}")
        return
    tree = Tree(ROOT / "build-mutations")
    tree.configure()
    tests = sorted({test for m in mutations for test in m.tests})
    if not tree.build(sorted({target(test) for test in tests})):
        sys.exit(f"the source does not build: {tree.log}")
    bad = caught = 0
    for test in tests:
        if tree.test(test) is not True:
            bad += 1
            print(f"! {test} does not pass without a mutation: {tree.log.read_text()[-2000:]}", flush=True)
            mutations = [m for m in mutations if test not in m.tests]
    for mutation in mutations:
        start = time.monotonic()
        with tree.changed(mutation):
            if not tree.build(sorted({target(test) for test in mutation.tests})):
                said = f"does not compile: {tree.log.read_text()[-2000:]}"
            else:
                said = next((f"caught by {test}" for test in mutation.tests if tree.test(test) is False), "NOT CAUGHT")
        caught += said.startswith("caught")
        print(f"{'  ' if said.startswith('caught') else '! '}{mutation.path}: {mutation.what}: {said} ({time.monotonic() - start:.0f} s)", flush=True)
    print(f"{caught} of {len(mutations)} mutations caught")
    sys.exit(caught < len(mutations) or bad > 0)


main()
