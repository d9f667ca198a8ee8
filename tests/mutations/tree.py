"""A copy of the source tree in which one thing at a time is changed, built and tested."""

import os
import re
import resource
import shutil
import signal
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Mutation:
    """One change of one file: `old`, which stands there once whatever the blanks between its tokens, becomes `new`."""

    def __init__(self, path, what, old, new, tests):
        self.path, self.what, self.old, self.new, self.tests = path, what, old, new, tests

    def of(self, text):
        """The changed text."""
        places = list(re.finditer(r"\s+".join(map(re.escape, self.old.split())), text))
        if len(places) != 1:
            raise ValueError(f"{self.path} has {len(places)} places like '{self.old.strip()}'")
        return text[: places[0].start()] + self.new + text[places[0].end() :]


class Tree:
    def __init__(self, folder):
        self.source, self.build_folder = folder / "source", folder / "build"
        self.log = folder / "log"
        self.source.mkdir(parents=True, exist_ok=True)
        self.copy()

    def copy(self):
        """Only what changed, so that make builds no more than that."""
        listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "-z"], check=True, capture_output=True).stdout
        names = {os.fsdecode(name) for name in listed.split(b"\0") if name}
        for name in names:
            here, there = ROOT / name, self.source / name
            if here.is_file() and not (there.is_file() and there.read_bytes() == here.read_bytes()):
                there.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(here, there)
        for there in self.source.rglob("*"):
            if there.is_file() and not (ROOT / there.relative_to(self.source)).is_file():
                there.unlink()

    def configure(self):
        launcher = [f"-DCMAKE_{language}_COMPILER_LAUNCHER=ccache" for language in ("C", "CXX")] if shutil.which("ccache") else []
        # NORMLAB_DEVELOPER is off: a mutation that leaves something unused draws a warning, and is none the less one.
        command = ["cmake", "-S", self.source, "-B", self.build_folder, "-DNORMLAB_CUDA=OFF", "-DNORMLAB_DEVELOPER=OFF", *launcher]
        with self.log.open("w") as log:
            subprocess.run(command, check=True, stdout=log, stderr=log)

    def build(self, targets):
        with self.log.open("w") as log:
            command = ["cmake", "--build", self.build_folder, "-j", str(os.cpu_count()), "--target", *targets]
            return subprocess.run(command, stdout=log, stderr=log).returncode == 0

    def test(self, name, seconds=300):
        """Whether it passes; None where it was skipped. A test that does not end has failed."""
        name, _, argument = name.partition("/")
        command = ["bash", *self.source.glob(f"tests/*/{name}")] if name.endswith(".sh") else [self.build_folder / name]
        command += [argument] if argument else []
        words = os.environ | {"NORMLAB_ROOT": str(self.source), "NORMLAB_PROGRAM": str(self.build_folder / "normlab"), "NORMLAB_BUILD": str(self.build_folder),
                              "NORMLAB_ALL": "", "CK_DEFAULT_TIMEOUT": str(seconds)}
        with self.log.open("w") as log:
            process = subprocess.Popen(command, env=words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=limit)
            try:
                code = process.wait(seconds)
            except subprocess.TimeoutExpired:
                code = 1
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        process.wait()
        return None if code == 77 else code == 0

    def changed(self, mutation):
        """The file is what the mutation makes of it while the context lasts."""
        return Changed(self.source / mutation.path, mutation)


class Changed:
    def __init__(self, path, mutation):
        self.path, self.before = path, path.read_text()
        self.after = mutation.of(self.before)

    def __enter__(self):
        self.path.write_text(self.after)

    def __exit__(self, *_):
        self.path.write_text(self.before)


def limit():
    """Of what a mutated program may take: it may ask for any memory, write and run without end, in a group of processes of its own."""
    resource.setrlimit(resource.RLIMIT_CPU, (1200, 1200))
    resource.setrlimit(resource.RLIMIT_AS, (32 << 30, 32 << 30))
    resource.setrlimit(resource.RLIMIT_FSIZE, (2 << 30, 2 << 30))


TARGETS = {"test_fuzz.sh": "all", "test_install.sh": "all", "test_kills.sh": "inject", "test_writers.sh": "inject"}


def target(test):
    """What has to be built for it beside the program."""
    name = test.partition("/")[0]
    return TARGETS.get(name) or ("normlab" if name.endswith(".sh") else name)


def read_table(path):
    """Mutations, each a block of lines:

        core/base/csv.c: what is wrong then
        - what stands there
        + what stands there in its place
        test_stats test_cli/commands
    """
    mutations = []
    for block in re.split(r"\n\s*\n", path.read_text()):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        place, _, what = lines[0].partition(": ")
        old = "\n".join(line[2:] for line in lines if line.startswith("- "))
        new = "\n".join(line[2:] for line in lines if line.startswith("+"))
        tests = [test for line in lines[1:] if line[0] not in "-+" for test in line.split()]
        if not (what and old and tests):
            raise ValueError(f"{path}: a block without a place, '-' or a test: {lines[0]}")
        mutations.append(Mutation(place, what, old, new, tests))
    return mutations
