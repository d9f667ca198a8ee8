#!/usr/bin/env bash
# No script has a statement whose failure set -e overlooks: `A && B`, where a failing A goes unnoticed, and `! A`, which never ends a script. Both are
# allowed where something takes their status (a condition, ||, the end of a function or of a subshell), and `A && B` where B leaves, as in `A && exit 1`.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
fail() { echo "FAIL: $*"; exit 1; }

# Prints FILE:LINE of each such statement, by the syntax trees of shfmt.
cat >"$folder/overlooked.py" <<'PYTHON'
import json, subprocess, sys

AND = 10  # of shfmt's operators
LEAVES = {"exit", "return", "break", "continue", "fail", "die", "skip"}


def leaves(statement):
    command = statement.get("Cmd", {})
    if command.get("Type") == "Block":
        return leaves(command["Stmts"][-1])
    words = command.get("Args", [{}])[0].get("Parts", [{}])
    return words[0].get("Value") in LEAVES


def statements(nodes, used):
    """Statements one after the other; what they stand in uses the status of the last, or does not."""
    for i, node in enumerate(nodes or []):
        yield from statement(node, used and i == len(nodes) - 1)


def conditions(nodes):
    for node in nodes or []:
        yield from statement(node, True)


def statement(node, used):
    command = node.get("Cmd") or {}
    kind = command.get("Type")
    is_and = kind == "BinaryCmd" and command["Op"] == AND
    if not used and (node.get("Negated") or is_and and not leaves(command["Y"])):
        yield node["Pos"]["Line"]
    if kind == "BinaryCmd":
        yield from statement(command["X"], True)
        yield from statement(command["Y"], used or is_and)
    elif kind == "Block":
        yield from statements(command["Stmts"], used)
    elif kind == "Subshell":
        yield from statements(command["Stmts"], True)
    elif kind == "FuncDecl":
        yield from statement(command["Body"], True)
    elif kind == "IfClause":
        while command:
            yield from conditions(command.get("Cond"))
            yield from statements(command["Then"], used)
            command = command.get("Else")
    elif kind in ("WhileClause", "ForClause"):
        yield from conditions(command.get("Cond"))
        yield from statements(command["Do"], False)
    elif kind == "CaseClause":
        for item in command["Items"]:
            yield from statements(item.get("Stmts"), used)
    yield from substitutions(command)
    yield from substitutions(node.get("Redirs"))


def substitutions(node):
    """The statements within words: $(...) and <(...)."""
    if isinstance(node, list):
        for each in node:
            yield from substitutions(each)
    elif isinstance(node, dict) and node.get("Type") in ("CmdSubst", "ProcSubst"):
        yield from statements(node["Stmts"], True)
    elif isinstance(node, dict) and "Cmd" not in node:
        for each in node.values():
            yield from substitutions(each)


for path in sys.argv[1:]:
    with open(path) as file:
        tree = json.loads(subprocess.run(["shfmt", "--tojson"], stdin=file, check=True, stdout=subprocess.PIPE).stdout)
    for line in sorted(set(statements(tree.get("Stmts"), True))):
        print(f"{path}:{line}")
PYTHON
overlooked() { python3 "$folder/overlooked.py" "$@"; } # files

# What it finds: the lines that end in "# found", and no others.
cat >"$folder/planted.sh" <<'END'
a && b && c # found
! grep -q x y # found
! a | b # found
a && b || c
a || ! b # found
a || { b && c; } # found
if a && ! b; then c && d; elif ! e; then ! f; else g && h; fi # found
while ! a; do b && c; done # found
for x in $(a && b); do ! c; done # found
case $a in b) c && d ;; esac # found
{ a && b; } # found
(a && b)
(a && b; c) # found
x=$(a || b; ! c)
x=$(a && b; c) # found
declare x="$(! a; c)" # found
[[ $(! a; b) ]] # found
a <(b && c; d) >"$(! e; f)" # found
a && fail "b"
a && { b; exit 1; }
a && b && return
f() { a && b; }
g() { a && b; c; } # found
h() { if a; then ! b; fi; }
a && b
END
overlooked "$folder/planted.sh" >"$folder/found" || fail "the planted script cannot be read"
grep -n '# found' "$folder/planted.sh" | sed "s|^\([0-9]*\):.*|$folder/planted.sh:\1|" | diff - "$folder/found" || fail "not the planted statements"

is_script='FNR == 1 && (FILENAME ~ /\.sh$/ || /^#!.*[ \/](ba)?sh$/) { print FILENAME }'
cd "$root"
mapfile -t scripts < <(find tests experiments .ci -type f -exec awk "$is_script" {} + | sort)
[ ${#scripts[@]} -ge 50 ] || fail "only ${#scripts[@]} scripts are found"
overlooked "${scripts[@]}" >"$folder/found" || fail "a script cannot be read"
[ ! -s "$folder/found" ] || fail "set -e overlooks: $(tr '\n' ' ' <"$folder/found")"
echo "100%: Checks: ${#scripts[@]}"
