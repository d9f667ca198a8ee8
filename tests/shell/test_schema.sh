#!/usr/bin/env bash
# `normlab schema` before a judge we did not write (python3-jsonschema): the schema is one, every shipped file and what init writes pass, and what is
# wrong is refused by the schema and by `normlab check` alike. Shipped files mean the same to readers of YAML 1.2 (ruamel.yaml) and 1.1 (PyYAML): what
# either has loaded passes the schema, and what it dumps again is the same experiment.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}

python=
for candidate in python3 /usr/bin/python3; do
    if "$candidate" -c 'import jsonschema, ruamel.yaml, yaml' 2>/dev/null; then python=$candidate; break; fi
done
[ -n "$python" ] || { echo "skipped: python3-jsonschema, python3-ruamel.yaml or python3-yaml is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$program" schema >"$folder/schema.json"
for kind in single small-batch rate-tolerance; do "$program" init $kind "$folder/$kind.yaml" >/dev/null; done

"$python" - "$program" "$folder" "$root" "$root"/configs/*.yaml "$root"/experiments/*.yaml "$root"/experiments/claims/*.yaml "$folder"/*.yaml <<'END'
import io, json, re, subprocess, sys
from pathlib import Path
import yaml
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

program, folder, root, *shipped = sys.argv[1:]
schema = json.loads(Path(folder, "schema.json").read_text())
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
failures = []


def judge(text):
    return [error.message for error in validator.iter_errors(YAML(typ="safe", pure=True).load(text))]


def checks(path):
    return subprocess.run([program, "check", str(path)], capture_output=True).returncode == 0


def dump_1_2(data):
    out, writer = io.StringIO(), YAML(typ="safe", pure=True)
    writer.sort_base_mapping_type_on_output = False  # the order of axes is theirs
    writer.dump(data, out)
    return out.getvalue()


def normlab(*words):
    return subprocess.run([program, *map(str, words)], capture_output=True, text=True)


def meaning(path):  # the experiment, without the comments that say where values come from, and how the claim is judged
    claim = normlab("claims", "show", path, "--format", "json").stdout if "/claims/" in str(path) else ""
    return re.sub(r" *# .*", "", normlab("show", path).stdout), claim.replace(str(path), "")


readers = {
    "ruamel.yaml": (lambda text: YAML(typ="safe", pure=True).load(text), dump_1_2),
    "PyYAML": (yaml.safe_load, lambda data: yaml.safe_dump(data, sort_keys=False)),
}
for reader, (load, dump) in readers.items():
    again = {}
    for path in map(Path, shipped):  # beside one another as they are: a base is found by its relative name
        again[path] = Path(folder, reader, path.relative_to(root) if path.is_relative_to(root) else path.name)
        again[path].parent.mkdir(parents=True, exist_ok=True)
        again[path].write_text(dump(load(path.read_text())))
        errors = [error.message for error in validator.iter_errors(load(path.read_text()))]
        if errors:
            failures.append(f"{path}, loaded by {reader}: the schema refuses it: {errors}")
    for path, copy in again.items():
        if not meaning(path)[0]:
            failures.append(f"{path}: normlab does not show it")
        if meaning(path) != meaning(copy):
            failures.append(f"{path}, loaded and dumped by {reader}, is another experiment: {normlab('show', copy).stderr}")

right = """
{}
train.lr: 1e-3
data:
model: {pool: []}
model: {pool: 2}
model: {bias: off}
model: {bias: false}
model: {causal: true}
plot: {xlog: true, ylog: no}
sweep: {grid: {model.bias: [true, false, auto]}}
sweep: {grid: {model.bias: "true,auto"}}
train: {lr: "1e-3"}
norm: {eval: [running, batch]}
norm: {eval: batch}
data: {train: auto}
data: {standardize: off}
data: {name: synth, flip: true}
plot: {title: 2024, xmin: 0, xmax: auto}
plot: {font: Helvetica}
plot: {font: "Source Sans_Pro-3.0"}
plot: {font: "Kozuka \u660e\u671d"}
plot: {font: ""}
sweep: {grid: {train.lr: "1e-3:1:log:7"}}
sweep: {grid: {train.lr: 0.1, norm.kind: "bn,gn"}}
sweep: {grid: {train.batch: "8:32:8"}, seeds: 3}
sweep: {grid: {norm.eval: [[running], [batch, running]]}}
{data: {name: synth}, sweep: {grid: {data.flip: [true, false]}}}
sweep: {grid: {norm.stat_batch: [auto, 2]}}
sweep: {zip: {train.batch: [8, 16], train.lr: [0.1, 0.2]}}
sweep: {zip: [{train.batch: [8, 16], train.lr: [0.1, 0.2]}, {norm.kind: [bn, ln]}]}
sweep: {grid: {norm.kind: [bn, ln]}, exclude: [{norm.kind: bn}], baseline: {norm.kind: ln}}
{model: {arch: layers, layers: [{conv: 4, kernel: 5, stride: 2, bias: off, name: a}, norm, {norm: gn}, {norm: {kind: gn, groups: 2}}, norm-activation, max-pool, {linear: classes}]}, norm.groups: 2}
{model: {arch: layers, layers: [{layers: [{conv: depthwise}, {conv: , kernel: 1}, activation, {activation: gelu}], width: 3, repeat: 2}, {residual: [{conv: 5}], shortcut: [{conv: 5}]}, mean-pool, dropout, {linear: classes}]}}
{model: {arch: layers, layers: [{conv: 4, kernel: 2, padding: 0, dilation: 2}, {concat: [[], [norm, {conv: 3}], [max-pool, upsample]], name: a, drop-path: 0.1}, {layer-scale: 0.1}, layer-scale, {residual: [norm], drop-path: 0}, {linear: classes}]}}
{model: {arch: layers}, sweep: {grid: {model.layers: [[{linear: classes}], [norm, {linear: classes}]]}}}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {grid: {model.layers.b.norm.kind: [bn, ln], model.layers.a.kernel: [1, 3], model.layers.1.conv: "4:8:4"}, baseline: {model.layers.b.norm.kind: bn}}}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {zip: {model.layers.b.norm.affine: [none, channel], train.lr: [1, 2]}, exclude: {model.layers.b.norm.affine: none}}}
sweep.seeds: 4
{data: {val: 64}, sweep: {grid: {norm.kind: [bn, ln]}, tune: {train.lr: "1e-2:1:log:3"}}}
{data: {val: 64}, sweep: {grid: {norm.kind: [bn, ln]}, tune: {train.lr: [0.1, 1], train.momentum: [0, 0.9], on: val_accuracy, seeds: 2}}}
{data: {val: 64}, sweep: {grid: {norm.kind: [bn, ln]}, tune: {train.lr: [0.1, 1], by: val_accuracy, seeds: 2}}}
{data: {val: 64}, sweep: {grid: {norm.kind: [bn, ln]}, tune: {train.lr: 1e-3:1:log, train.momentum: 0:0.9:uniform, trials: 30, extend: 2}}}
{data: {val: 64}, sweep: {grid: {norm.kind: [bn, ln]}, tune: {train.lr: [1e-3:1:log, 1:10:log], norm.eps: [1e-5, 1e-3], trials: 30, extend: 2, extended: 1}}}
{data: {val: 64}, sweep: {grid: {norm.kind: bn}, tune: {train.lr: [0.1, 1]}, chosen: {norm.kind: bn, train.lr: 0.1}, same: {train.lr: 0.1}}}
{data: {val: 64}, sweep: {grid: {norm.kind: bn}, tune: {train.lr: [0.1, 1]}, chosen: [{norm.kind: bn, train.lr: 0.1}], same: }}
sweep: {grid: {train.lr: [0.1, 1]}, refine: 1.5}
sweep: {grid: {train.lr: [0.1, 1]}, points: {train.lr: 0.5}}
sweep: {grid: {train.lr: [0.1, 1]}, points: [{train.lr: [0.5, 0.7]}]}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: {half_width: 0.5, max_seeds: 20}}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 9, until: {half_width: 1, max_seeds: 20, first_seeds: 5}}
sweep: {grid: {norm.kind: [bn, ln]}, tune: , refine: , until: , points: , chosen: , same: }
{data: {test: 0, test_seed: 3}}
claim: {says: a, source: b, waiting_for: c}
claim: {says: a, source: b, parts: [{says: c, identity: bn_of_one, tolerance: [0, 0]}]}
{claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}], quick: {cost: d, set: {sweep.seeds: 5, train.lr: [0.1, 0.2]}}}, sweep: {grid: {norm.kind: [bn, ln]}}}
{claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}], objections: [{says: d, hinge: norm.eps, here: 1e-5, values: [1e-4, 0.01], source: e}, {says: f, set: {train.lr: 1}}]}, sweep: {grid: {norm.kind: [bn, ln]}}}
""".strip().splitlines()

wrong = """
[1, 2]
{claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}], objections: [{says: d, hinge: norm.eps, values: [1e-4], source: e}]}, sweep: {grid: {norm.kind: [bn, ln]}}}
{claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}], objections: [{says: d, set: {norm.eps: 1e-4}, here: 1e-5}]}, sweep: {grid: {norm.kind: [bn, ln]}}}
{claim: {says: a, source: b, measure: {metric: test_accuracy}, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: ln}, smallest: 2}], objections: [{says: d}]}, sweep: {grid: {norm.kind: [bn, ln]}}}
norms: {kind: bn}
norm: {kindd: bn}
norm: {kind: bnn}
norm: {kind: [bn, ln]}
norm: {kind: 1}
norm: {eval: []}
norm: {eval: [running, running]}
norm: {eval: [runing]}
norm: bn
train: {lr: fast}
train: {lr: -1}
train: {lr: .inf}
train: {lr: [0.1]}
train: {lr: 1e7}
train: {batch: 0}
train: {batch: 1.5}
train: {steps: none}
train: {nesterov: 3}
train: {momentum: 1}
train.lrr: 0.1
model: {pool: [0]}
model: {pool: [1, 1]}
model: {depth: {a: 1}}
model: {arch: layers, layers: conv}
model: {arch: layers, layers: [nrom, {linear: classes}]}
model: {arch: layers, layers: [{conv: 3, kernel: 32}, {linear: classes}]}
model: {arch: layers, layers: [{conv: 3, repeat: 2}, {linear: classes}]}
model: {arch: layers, layers: [{concat: [norm, conv]}, {linear: classes}]}
model: {arch: layers, layers: [{concat: [[norm]]}, {linear: classes}]}
model: {arch: layers, layers: [{norm: {kind: gn, eps: 2}}, {linear: classes}]}
model: {arch: layers, layers: [{layers: []}, {linear: classes}]}
model: {arch: layers, layers: [{max-pool: 2}, {linear: classes}]}
model: {arch: layers, layers: [{name: b}, {linear: classes}]}
model: {arch: layers, layers: [{name: 1b, norm: }, {linear: classes}]}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {grid: {model.layers.b.norm.kind: [bn, lm]}}}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {grid: {model.layers.b.norm.knd: [bn, ln]}}}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {grid: {model.layers.a.name: [c, d]}}}
{model: {arch: layers, layers: [{conv: 4, name: a}, {norm: bn, name: b}, {linear: classes}]}, sweep: {baseline: {model.layers.a.conv: 0}}}
model: {arch: vgg}
data: {name: imagenet}
data: {difficulty: 2}
data: {standardize: maybe}
device: {kind: tpu}
plot: {kind: [pie]}
plot: {level: 2}
plot: {title: "a\\tb"}
plot: {font: "a\\tb"}
plot: {font: "a,b"}
plot: {font: "a'b"}
plot: {font: 'a"b'}
plot: {font: "a\\\\b"}
plot: {font: "a`b"}
plot: {font: "a{b}"}
plot: {font: "a/b"}
plot: {font: "a:b"}
plot: {font: "a[b]"}
plot: {font: "a@b"}
plot: {font: "a\\x7fb"}
plot: {font: "a\\u202eb"}
plot: {title: "a\\u202eb"}
plot: {title: "a\\x85b"}
base: [a.yaml]
base: ""
sweep: {grid: {norm.kindd: [bn, ln]}}
sweep: {grid: {norm.kind: [bn, lnn]}}
sweep: {grid: {norm.kind: "bn,lnn"}}
sweep: {grid: {norm.kind: []}}
sweep: {grid: {train.lr: "1e-3 to 1"}}
sweep: {grid: {train.seed: [1, 2]}}
sweep: {grid: {plot.metric: [test_loss, test_error]}}
sweep: {grid: {train.lr: {from: 1}}}
sweep: {grid: [norm.kind]}
sweep: {seeds: 0}
sweep: {seeds: [1, 2]}
sweep: {seeds: 100000}
sweep: {seed: 3}
sweep: {zip: [{}]}
sweep: {exclude: [{}]}
sweep: {baseline: {norm.kind: bnn}}
sweep: {baseline: {}}
sweep: {baseline: norm.kind}
{data: {val: 64}, sweep: {tune: {train.lrr: [0.1, 1]}}}
{data: {val: 64}, sweep: {tune: {on: val_loss, seeds: 2}}}
{data: {val: 64}, sweep: {tune: {by: val_loss, seeds: 2}}}
{data: {val: 64}, sweep: {tune: {}}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1], on: test_error}}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1], by: test_error}}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1], seeds: 0}}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1], extend: 3}}}
{data: {val: 64}, sweep: {tune: {train.lr: 1e-3:1:log, trials: 1}}}
{data: {val: 64}, sweep: {tune: {train.lr: [fast]}}}
{data: {val: 64}, sweep: {tune: [train.lr]}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1]}, chosen: [{train.lrr: 0.1}]}}
{data: {val: 64}, sweep: {tune: {train.lr: [0.1, 1]}, chosen: [{}]}}
sweep: {grid: {train.lr: [0.1, 1]}, refine: 1}
sweep: {grid: {train.lr: [0.1, 1]}, refine: [1.5]}
sweep: {grid: {train.lr: [0.1, 1]}, points: [{train.lrr: 1}]}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: {half_width: 0, max_seeds: 20}}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: {half_width: 1}}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: {half_width: 1, max_seeds: 20000}}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: {half_width: 1, max_seeds: 20, seeds: 5}}
sweep: {grid: {norm.kind: [bn, ln]}, seeds: 5, until: 0.5}
data: {test: -1}
data: {test_seed: -1}
sweep: 5
claim: 5
claim: {says: a, source: b}
claim: {says: a, waiting_for: c}
claim: {says: a, source: b, waiting_for: c, parts: [{says: c, identity: bn_of_one, tolerance: [0, 0]}]}
claim: {says: a, source: b, waits_for: c}
claim: {says: a, source: b, parts: []}
claim: {says: a, source: b, parts: [{says: c, identity: bn_is_ln, tolerance: [0, 0]}]}
claim: {says: a, source: b, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: bn}, measure: {metric: tast_loss}, smallest: 2}]}
claim: {says: a, source: b, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: bn}, measure: {metric: test_loss}, smallest: 2, margin: 1}]}
claim: {says: a, source: b, parts: [{says: c, of: {norm.kind: bn}, minus: {norm.kind: bn}, measure: {metric: test_loss}, smallest: -2}]}
claim: {says: a, source: b, waiting_for: c, quick: {set: {train.epoch: 5}}}
""".strip().splitlines()

for text, good in [(text, True) for text in right] + [(text, False) for text in wrong]:
    path = Path(folder, "case.yml")
    path.write_text(text + "\n")
    errors = judge(text)
    if checks(path) != good:
        failures.append(f"{text}: normlab check {'refuses' if good else 'accepts'} it")
    if (not errors) != good:
        failures.append(f"{text}: the schema {'refuses' if good else 'accepts'} it {errors}")

print("\n".join(failures) or f"100%: Checks: {len(readers) * len(shipped) + len(right) + len(wrong)}")
sys.exit(bool(failures))
END
