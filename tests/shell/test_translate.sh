#!/usr/bin/env bash
# The page of names of other programs (experiments/TRANSLATE.md): the left side of every row becomes the keys on its right and no others, and
# normlab checks what it becomes. What PyTorch takes where nothing is given is what normlab then trains with (tests/golden/defaults.txt). Random files
# of names become a configuration, too, whatever they say.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

python3 - "$program" "$root/experiments/TRANSLATE.md" "$root/tests/golden/defaults.txt" <<'END'
import random, re, subprocess, sys
from pathlib import Path

program, page, defaults = sys.argv[1:]


def normlab(*words):
    return subprocess.run([program, *words], capture_output=True, text=True)


def translated(theirs):
    """The keys that it becomes, in full, with their values."""
    Path("theirs.yaml").write_text(theirs + "\n")
    done = normlab("init", "--from", "theirs.yaml", "ours.yaml", "--force")
    assert done.returncode == 0, (theirs, done.stdout, done.stderr)
    keys, outer = {}, []
    for line in Path("ours.yaml").read_text().splitlines():
        line = re.sub(r"(^| +)# .*", "", line)
        if not line.strip() or line.strip() == "{}":
            continue
        depth = (len(line) - len(line.lstrip())) // 2
        name, value = line.strip().split(":", 1)
        outer = outer[:depth] + [name]
        if value.strip():
            keys[".".join(outer)] = value.strip()
    return keys


rows = 0
for line in Path(page).read_text().splitlines():
    match = re.fullmatch(r"\| `(.*?)` \| (.*) \|", line)
    if match:
        wanted = dict(cell.split(": ", 1) for cell in re.findall(r"`([^`]*)`", match.group(2)))
        theirs = match.group(1)
        got = translated(theirs)
        assert got == wanted, f"{theirs}\n  becomes {got}\n  the page says {wanted}"
        rows += 1
assert rows > 35, rows

# A class alone, and what the configuration then has; auto is what train.beta2 is by its help.
def shown(name):
    """The value of a key in ours.yaml."""
    section, field = name.split(".")
    text = normlab("show", "ours.yaml").stdout.split(f"\n{section}:\n", 1)[1]
    value = re.search(rf"^  {field}: (\S+)", text, re.M).group(1)
    return ("0.99" if "rmsprop" in normlab("show", "ours.yaml").stdout else "0.999") if value == "auto" else value


def same(a, b):
    try:
        return abs(float(a) - float(b)) <= 1e-6 * abs(float(b))
    except ValueError:
        return a == b


held = 0
for line in Path(defaults).read_text().splitlines():
    name, key, value = line.split()
    translated(f"{{{'optimizer' if '.optim.' in name else 'norm'}: {name}}}")
    assert same(shown(key), value), f"{name}: {key} is {shown(key)}, PyTorch's {value}"
    held += 1
assert held > 30, held

# Names that there are, with values that may be meant and values that cannot.
draw = random.Random(3)
names = ["lr", "learning_rate", "batch_size", "epochs", "momentum", "weight_decay", "optimizer", "nesterov", "betas", "scheduler", "norm", "model", "dropout",
         "hidden_size", "num_layers", "seed", "seeds", "dataset", "num_workers", "affine", "eps", "activation", "label_smoothing", "swa", "warmup_steps"]
values = ["0.1", "1", "16", "[1, 2]", "SGD", "torch.optim.AdamW", "BatchNorm2d", "LayerNorm", "relu", "true", "null", "-3", "resnet20", "digits",
          "{name: SGD, lr: 0.5}", "{_target_: torch.nn.GroupNorm, eps: 1e-3}", "[[1]]", '"a: b # c"', "1e400", "''", "[SGD, adam]"]
kept = 0
for _ in range(200):
    chosen = draw.sample(names, draw.randint(1, 8))
    theirs = "{" + ", ".join(f"{name}: {draw.choice(values)}" for name in chosen) + "}"
    Path("theirs.yaml").write_text(theirs + "\n")
    done = normlab("init", "--from", "theirs.yaml", "ours.yaml", "--force")
    if "is a configuration of normlab already" in done.stderr:
        continue
    text = Path("ours.yaml").read_text()
    for name in chosen:
        assert re.search(rf"# .*\b{name}\b", text), f"{theirs}: nothing is said of {name}\n{text}"
    # what does not fit together is said by the file that was written, and by nothing else
    assert done.returncode == 0 or (done.returncode == 2 and re.search(r"^ours.yaml:\d+:\d+: ", done.stderr)), (theirs, text, done.stderr)
    assert "unknown key" not in done.stderr and "not valid YAML" not in done.stderr, (theirs, text, done.stderr)
    kept += done.returncode == 0
assert kept > 190, kept
# No name and no value ends the comment that it stands in.
for text in r"a\nevil: 1", r"a\u2028evil: 1", r"a\u0085evil: 1", r"a\revil: 1", "é" * 50, r"a\x1b[31m":
    for theirs in f'{{lr: "{text}"}}', f'{{"{text}": 1}}', f'{{optimizer: "{text}.SGD"}}', f'{{model: "{text}.resnet20"}}', f'{{seeds: [1, "{text}"]}}':
        translated(theirs)
        written = Path("ours.yaml").read_bytes().decode()
        assert not re.search("^ *evil", written, re.M) and not re.search("[\x00-\x09\x0b-\x1f\x85\u2028]", written), written

print(f"{rows} rows of the page, {held} defaults of PyTorch and 200 drawn files are translated; {kept} of these can be run as they are")
END
