#!/usr/bin/env python3
"""Draws mutations of core/ and cmd/ and asks the tests of the gate whether one of them sees it.

    tests/mutations/draw.py list             those that are drawn, in their order
    tests/mutations/draw.py near [COUNT]     builds each mutation and runs the tests of its folder (NEAR) until one fails
    tests/mutations/draw.py collect          runs each test with coverage: which lines it executes, and how long it takes
    tests/mutations/draw.py rest             runs all other tests on what passed: those that execute the line, if they were collected, the fastest first

A mutation changes one place: an operator (a < b, a <= b; a == b, a != b; a + b, a - b; a * b, a / b; a && b, a || b), a bound (a whole number and the next;
the smaller and the larger), a sign or a negation, a truth value; or it drops a statement. Each kind has the same chance, and so has each place of a kind. Comments,
strings, the preprocessor's lines, assertions, declarations without a value and statements that only give memory back are left alone.

The seed is SEED, and nothing else is drawn: what comes out of a tree was decided when the tests were written. A mutation that does not compile does not count.
build-mutations/drawn.txt has a line for each; what is there already is not run again."""

import json
import os
import queue
import random
import re
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import ROOT, Mutation, Tree, target

SEED = 20261130
COUNT = 100
NEAR = {
    "core/backend/cpu": "gemm conv team statistics normalize backend backend_ends backend_optimizers norm norm_layers white sequence weights microbatch golden_cbn loop graph custom",
    "core/backend/cuda": "cuda_order cuda_operations cuda_statistics cuda_norm cuda_norm_layers cuda_optimizers cuda_sequence cuda_weights cuda_launches cuda_ends "
                         "cuda_loop cuda_cohort cuda_train cuda_large cuda_one_launch cuda_upload",
    "core/backend": "backend backend_ends backend_optimizers complex norm graph",
    "core/base": "base tensor_files team random cgroup table_formats disk batch power_cut data_files",
    "core/claims": "claims answer_page cli simulation_claims",
    "core/config": "tasks config config_load listed grid identity layers cli schema.sh",
    "core/data": "data data_files text tasks arrays train identity",
    "core/graph": "graph microbatch observe loop hessian golden_observe listed cuda_launches python.sh",
    "core/model": "transformer listed parts train graph weights identity golden_train",
    "core/norm": "norm normalizers white statistics norm_layers weights golden complex golden_cbn transformer custom probe",
    "core/operation": "graph norm_layers sequence weights complex backend golden_cbn language loop transformer white",
    "core/plot": "plot plot_faults many cli report.sh",
    "core/report": "report report.sh cli",
    "core/stats": "stats estimate answer answer_page table_formats report claims metrics.sh table.sh cli simulation",
    "core/sweep": "sweep grid forecast refuse record identity rounds disk cli shards.sh rounds.sh",
    "core/train": "train checkpoint eval sampler observe cohort cli golden_train",
    "cmd/fetch": "fetch.sh",
    "cmd": "cli complete.sh hostile.sh report.sh metrics.sh shards.sh",
}
FOLDER = ROOT / "build-mutations"

SWAPS = {
    "relation": {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "=="},
    "arithmetic": {"+": "-", "-": "+", "*": "/", "/": "*", "+=": "-=", "-=": "+=", "*=": "/="},
    "logic": {"&&": "||", "||": "&&"},
}
WORDS = {
    "extreme": {"fmin": "fmax", "fmax": "fmin", "smaller": "larger", "larger": "smaller"},
    "truth": {"true": "false", "false": "true"},
}
RELEASES = re.compile(r"\s*(free|close|fclose|\w+_(release|free|close))\(")
STATEMENT = re.compile(r"\s+(?!return|break|continue|goto|case|default|else|if|for|while|do\b|NL_ASSERT|NL_BUG|_Static_assert)"
                       r"(\w+\(|[\w*(][\w\[\].>()*, +-]*? (=|\+=|-=|\*=|/=|\|=|&=) |[\w.>-]+(\[[^]]*\])*(\+\+|--)).*;$")
DECLARATION = re.compile(r"\s*(const |static |struct |enum |unsigned |extern |typedef |register |\w+ \**\w+(\[.*?\])* ?(=|;|,))")


def blank(text):
    """The text with blanks in place of comments, strings, characters, lines of the preprocessor and assertions."""
    out = list(text)

    def hide(begin, end):
        for i in range(begin, end):
            if out[i] != "\n":
                out[i] = " "

    for found in re.finditer(r'/\*.*?\*/|//[^\n]*|"(\\.|[^"\\\n])*"|\'(\\.|[^\'\\\n])*\'', text, re.S):
        hide(*found.span())
    for found in re.finditer(r"^[ \t]*#(.*\\\n)*.*$", "".join(out), re.M):
        hide(*found.span())
    for found in re.finditer(r"\b(NL_ASSERT|NL_BUG|_Static_assert|static_assert|assert)\(", "".join(out)):
        depth, end = 1, found.end()
        while depth:
            depth += {"(": 1, ")": -1}.get(out[end], 0)
            end += 1
        hide(found.start(), end)
    return "".join(out)


def places(path):
    """Of a file: kind, where, how long, what comes there."""
    text = (ROOT / path).read_text()
    code = blank(text)
    for kind, swaps in SWAPS.items():
        for found in re.finditer(r"(?<= )(?:%s)(?= )" % "|".join(map(re.escape, sorted(swaps, key=len, reverse=True))), code):
            yield kind, found.start(), len(found[0]), swaps[found[0]]
    for kind, words in WORDS.items():
        for found in re.finditer(r"\b(?:%s)\b" % "|".join(words), code):
            yield kind, found.start(), len(found[0]), words[found[0]]
    for found in re.finditer(r"(?<=[\w(\[ ])(?<![\w.][eE.])(?<!\{)\b\d+\b(?![\w.])(?!\})", code):
        yield "bound", found.start(), len(found[0]), str(int(found[0]) + 1)
    for found in re.finditer(r"(?<=[(\[])-(?=[\w(])|(?<=[=,?:{] )-(?=[\w(])|(?<=return )-(?=[\w(])|(?<=[( ])!(?=[\w(])", code):
        yield "sign", found.start(), 1, ""
    start, before = 0, ";"
    for line in code.split("\n"):
        if STATEMENT.fullmatch(line) and not DECLARATION.match(line) and not RELEASES.match(line) and before[-1:] in ";{}):" and line.count("(") == line.count(")"):
            begin = start + len(line) - len(line.lstrip())
            yield "statement", begin, start + len(line) - begin, ";"
        before = line.rstrip() or before
        start += len(line) + 1


class Drawn(Mutation):
    def __init__(self, path, kind, begin, length, new):
        self.path, self.begin, self.length, self.new = path, begin, length, new
        text = (ROOT / path).read_text()
        self.line = text.count("\n", 0, begin) + 1
        self.what = f"{kind}: '{text[begin:begin + length]}' becomes '{new}' in: {text.splitlines()[self.line - 1].strip()}"

    def of(self, text):
        return text[: self.begin] + self.new + text[self.begin + self.length :]

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}"


def drawn():
    """All that may be needed, in the order in which they are drawn; each place once."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "core", "cmd"], check=True, capture_output=True, text=True).stdout.split()
    of = {}
    for path in sorted(path for path in listed if path.endswith((".c", ".h", ".cu", ".cuh"))):
        for kind, *place in places(path):
            of.setdefault(kind, []).append((path, kind, *place))
    generator, seen = random.Random(SEED), set()
    while len(seen) < 3 * COUNT:
        place = generator.choice(of[generator.choice(sorted(of))])
        if place[:1] + place[2:3] not in seen:
            seen.add(place[:1] + place[2:3])
            yield Drawn(*place)


def gate(tree):
    tests = sorted(path.name for path in (tree.source / "tests").glob("*/test_*"))
    return [name.removesuffix(".c") for name in tests if name.endswith((".c", ".sh")) and name != "test_mutation_places.sh"]


def executed(folder, build, source):
    """The lines that the counters in the folder are of: {path: [line, ...]}."""
    out = {}
    for counters in folder.rglob("*.gcda"):
        notes = (Path("/") / counters.relative_to(folder)).with_suffix(".gcno")
        if not notes.exists():
            continue
        if not counters.with_suffix(".gcno").exists():
            counters.with_suffix(".gcno").symlink_to(notes)
        said = subprocess.run(["gcov", "--json-format", "--stdout", counters], capture_output=True, text=True, cwd=folder).stdout
        for record in said.splitlines():
            for file in json.loads(record)["files"]:
                path = os.path.normpath(os.path.join(build, file["file"]))
                if path.startswith(f"{source}/c"):
                    lines = out.setdefault(os.path.relpath(path, source), set())
                    lines.update(line["line_number"] for line in file["lines"] if line["count"])
    return {path: sorted(lines) for path, lines in out.items()}


def collect():
    tree = Tree(FOLDER / "coverage")
    os.environ["CFLAGS"] = os.environ["CXXFLAGS"] = "-O1 --coverage -fprofile-update=atomic"
    tree.configure()
    if not tree.build(["all"]):
        sys.exit(f"the source does not build: {tree.log}")
    out = FOLDER / "executed"
    out.mkdir(exist_ok=True)
    for test in gate(tree):
        if (out / f"{test}.json").exists():
            continue
        counters = FOLDER / "counters" / test
        os.environ["GCOV_PREFIX"] = str(counters)
        start = time.monotonic()
        passed = tree.test(test)
        took = time.monotonic() - start
        lines = executed(counters, tree.build_folder, tree.source)
        (out / f"{test}.json").write_text(json.dumps({"seconds": took, "passed": passed, "lines": lines}))
        print(f"{test}: {took:.1f} s, {sum(map(len, lines.values()))} lines{'' if passed else ', does not pass'}", flush=True)


def near(tree, path):
    """The tests of the deepest folder that NEAR has."""
    folder = next(folder for folder in sorted(NEAR, key=len, reverse=True) if path.startswith(folder + "/"))
    names = [f"test_{name}" for name in NEAR[folder].split()]
    return [name for name in names if name in gate(tree)]


def rest(tree, mutation):
    """All others; where they were collected those that execute the line, or one beside it, to which gcov counts a statement of several lines."""
    others, files = [test for test in gate(tree) if test not in near(tree, mutation.path)], {}
    for path in (FOLDER / "executed").glob("*.json"):
        files[path.name.removesuffix(".json")] = json.loads(path.read_text())
    lines = range(mutation.line - 3, mutation.line + 4)

    def may_see(test):
        of = files.get(test)
        return not of or of["passed"] and any(line in of["lines"].get(mutation.path, ()) for line in lines)

    return sorted(filter(may_see, others), key=lambda test: files.get(test, {"seconds": 0})["seconds"])


def verdict(tree, mutation, tests):
    with tree.changed(mutation):
        if not tree.build(["normlab"]):
            return "does not compile"
        for test in tests:
            if not tree.build([target(test)]):
                return "does not compile"
            if tree.test(test) is False:
                return f"caught by {test}"
    return f"survives {len(tests)} tests"


def run(count):
    """Every line of the report ends with the verdict; `rest` (count 0) replaces those of what survived the near tests. As many at a time as there are processors."""
    report = FOLDER / "drawn.txt"
    lines = report.read_text().splitlines() if report.exists() else []
    trees = queue.SimpleQueue()
    for worker in range(os.cpu_count()):
        tree = Tree(FOLDER / str(worker))
        tree.configure()
        trees.put(tree)

    def judge(mutation):
        tree, start = trees.get(), time.monotonic()
        said = verdict(tree, mutation, near(tree, mutation.path) if count else rest(tree, mutation))
        trees.put(tree)
        if count:
            said = said.replace(" tests", " near tests")
        print(f"{mutation}: {said} ({time.monotonic() - start:.0f} s)", flush=True)
        return f"{mutation}: {said}"

    def judge_all(workers, numbers):
        for i, line in zip(numbers, workers.map(judge, [mutations[i] for i in numbers])):
            lines[i:] = [line] + lines[i + 1 :]
            report.write_text("\n".join(lines) + "\n")

    mutations = list(drawn())
    with ThreadPoolExecutor(os.cpu_count()) as workers:
        if not count:
            judge_all(workers, [i for i, line in enumerate(lines) if " near tests" in line])
        while (left := count - sum(not line.endswith("does not compile") for line in lines)) > 0:
            judge_all(workers, range(len(lines), len(lines) + min(left, 8)))


if __name__ == "__main__":
    if sys.argv[1:2] == ["list"]:
        for mutation in drawn():
            print(mutation)
    elif sys.argv[1:2] == ["collect"]:
        collect()
    elif sys.argv[1:2] == ["near"]:
        run(int(sys.argv[2]) if len(sys.argv) > 2 else COUNT)
    elif sys.argv[1:2] == ["rest"]:
        run(0)
    else:
        sys.exit(__doc__)
