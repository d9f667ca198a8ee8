#!/usr/bin/env bash
# normlab sweep on a terminal: the line of its progress with the methods below it, redrawn in place at any width, and gone at the end; nothing of it elsewhere.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

cat >sweep.yaml <<'END'
data: {train: 256, test: 64}
model: {depth: 1, width: 8}
train: {epochs: 6, lr: 0.1}
norm: {groups: 4}
sweep: {grid: {norm.kind: [bn, gn, none], norm.placement: [before, after], train.lr: [0.1, 1.0e+6]}, seeds: 2}
END

# Runs a command on a terminal of so many columns and lines, and keeps what it shows whenever it has drawn a frame. What a terminal is asked for beyond
# carriage return, line feed, colours and the four sequences that the program knows is an error, and so is a frame that breaks a line or scrolls the screen.
cat >terminal.py <<'PYTHON'
import fcntl, os, pty, re, struct, sys, termios
columns, lines, words = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
process, terminal = pty.fork()
if process == 0:
    fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    os.execvp(words[0], words)
output = b""
while True:
    try:
        more = os.read(terminal, 65536)
    except OSError:  # Linux says so at the end
        break
    if not more:
        break
    output += more
status = os.waitpid(process, 0)[1]
assert status == 0, (status, output[-2000:])

screen, row, column, frames, broken = [""], 0, 0, [], set()
for part in re.findall(r"\x1b\[\d*[A-Za-z]|[\r\n]|[^\x1b\r\n]+|\x1b", output.decode()):
    if part == "\r":
        column = 0
    elif part == "\n":
        row += 1
        screen += [""] * (row + 1 - len(screen))
    elif re.fullmatch(r"\x1b\[\d*m", part):
        pass
    elif part == "\x1b[K":
        screen[row] = screen[row][:column]
    elif part == "\x1b[J":
        screen[row:] = [screen[row][:column]]
        frames.append(list(screen))
    elif re.fullmatch(r"\x1b\[\d+A", part):
        row -= int(part[2:-1])
        assert row >= 0 and int(part[2:-1]) < lines, "a frame is higher than the terminal"
    else:
        assert part[0] != "\x1b", f"an unknown sequence before {output!r}"
        screen[row] = screen[row][:column].ljust(column) + part + screen[row][column + len(part):]
        column += len(part)
with_methods = [frame for frame in frames if any(line.startswith("best test error so far") for line in frame)]
for frame in frames:
    begin = next((at for at, line in enumerate(frame) if re.match(r"\d+/\d+ done", line)), None)
    for line in frame[begin:] if begin is not None else []:
        assert len(line) < columns, f"wider than {columns}: {line}"
text = "\n".join(screen)
assert not re.search(r"so far|\d+/\d+ done", text), text
for line in (with_methods[-1] if with_methods else ["no methods"]):
    print(line)
PYTHON

run() { # COLUMNS LINES WORD...: the last frame with methods
    rm -rf out
    python3 terminal.py "$1" "$2" "$program" sweep sweep.yaml --no-plot --no-warnings --out out "${@:3}" >frame
}
has() { grep -qE -- "$1" frame || { echo "the frame lacks $1:"; cat frame; exit 1; }; }
lacks() { ! grep -qE -- "$1" frame || { echo "the frame has $1:"; cat frame; exit 1; }; }

for columns in 160 80 60; do
    run "$columns" 24
    has '^[0-9]+/20 done'
    has '^best test error so far'
    for method in 'BN \(placement before\)' 'BN \(placement after\)' 'GN \(placement before\)' 'GN \(placement after\)'; do
        has "^  $method  +([0-9.]+ %|-)  [0-4] of 4"
    done
    has '^  no norm +([0-9.]+ %|-)  [0-4] of 4'
done
run 80 24 -v # lines of trials between the frames
has '^  no norm'
run 80 6
has '^  and [0-9]+ methods'
run 24 24 # too narrow for a method, and for its line
has '^no methods'
run 80 3 # and too low
has '^no methods'
run 80 24 -q
has '^no methods'
run 80 24 norm.kind=bn norm.placement=before train.lr=0.1
has '^no methods' # of a single one

# Trials that were there before count from the first frame on.
run 80 24
find out/trials -name '*.trial' | sort | head -n 1 | xargs rm
python3 terminal.py 80 24 "$program" sweep sweep.yaml --no-plot --no-warnings --out out >frame
has '^  BN .placement before. +[0-9.]+ %  [34] of 4'

# Where standard error is no terminal, there is nothing of it.
rm -rf out
"$program" sweep sweep.yaml --no-plot --no-warnings --out out >said 2>frame
lacks $'\033'
lacks 'so far'
has '^20/20 done'
