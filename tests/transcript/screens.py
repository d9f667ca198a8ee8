#!/usr/bin/python3
"""Pictures of a terminal, from real runs: plots/terminal/*.png.

A screen is what a terminal shows after some commands, or while the last of them runs. Each command runs on a pseudo-terminal, whose
output a terminal emulator (pyte) turns into cells, which Pillow draws. Debian: python3-pyte python3-pil fonts-dejavu-core.
NORMLAB_PROGRAM names the program (default: build/normlab).
"""
import fcntl
import os
import pathlib
import pty
import re
import select
import shutil
import signal
import struct
import sys
import tempfile
import termios

import pyte
from PIL import Image, ImageDraw, ImageFont

ROOT = pathlib.Path(__file__).resolve().parents[2]
PROGRAM = pathlib.Path(os.environ.get("NORMLAB_PROGRAM", ROOT / "build/normlab")).resolve()
OUT = ROOT / "plots/terminal"

WRONG = """\
base: configs/mlp_digits.yaml
norm: {kindd: gn, groups: 7}
train:
  lr: 0.05
  batch: thirty-two
"""

# Columns, and commands. A command with a pattern is interrupted as soon as the screen matches it; as the last one, the picture is of that
# moment. What was run for one screen is there for the next.
SCREENS = {
    "check": (90, [("cat mine.yaml", None), ("normlab check mine.yaml norm.kind=gm", None)]),
    "dry_run": (90, [("normlab sweep experiments/small_batch.yaml norm.kind=bn,gn train.batch=64,8,2 -n", None)]),
    "sweep": (110, [
        ("normlab sweep experiments/lr_tolerance.yaml", r"^[4-9]\d/\d+ done"),
        ("normlab ls", None),
        ("normlab sweep experiments/lr_tolerance.yaml", r"^1\d\d/\d+ done, .* failed .* left"),
    ]),
    "answer": (100, [("normlab sweep experiments/small_batch.yaml", None)]),
    "table": (100, [
        ("normlab table results/small_batch | grep -A7 '^normalizer'", None),
        ("normlab diff configs/mlp_digits.yaml configs/cnn_digits.yaml", None),
    ]),
}

SIZE, PAD, ROWS = 22, 28, 200  # of the font and the frame, in pixels; of the emulated terminal, so that nothing scrolls away
GROUND, TEXT = (30, 32, 40), (221, 224, 230)
COLOURS = {"red": (238, 112, 104), "green": (126, 200, 120), "brown": (232, 190, 96), "default": TEXT}
FONTS = {bold: ImageFont.truetype(f"/usr/share/fonts/truetype/dejavu/DejaVuSansMono{'-Bold' if bold else ''}.ttf", SIZE) for bold in (False, True)}


class Terminal:
    def __init__(self, columns, folder):
        self.columns, self.folder = columns, folder
        self.screen = pyte.Screen(columns, ROWS)
        self.stream = pyte.ByteStream(self.screen)

    def text(self):
        return "\n".join(self.screen.display).rstrip()

    def run(self, command, until, last):
        """Runs it to its end; interrupts it at the screen that `until` matches, after which the last command's output is not shown."""
        self.stream.feed(f"\x1b[1;32m$\x1b[0m {command}\r\n".encode())
        process, terminal = pty.fork()
        if process == 0:
            os.chdir(self.folder)
            os.execvp("bash", ["bash", "-c", command])
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, self.columns, 0, 0))
        waiting, shown = until is not None, True
        while select.select([terminal], [], [], 120)[0]:
            try:
                data = os.read(terminal, 65536)
            except OSError:  # the last one closed it
                break
            if shown:
                self.stream.feed(data)
            if waiting and re.search(until, self.text(), re.M):
                waiting, shown = False, not last
                os.kill(process, signal.SIGINT)
        os.waitpid(process, 0)
        os.close(terminal)
        if waiting:
            sys.exit(f"screens.py: '{command}' never showed {until}")

    def draw(self, path):
        cell, line = FONTS[False].getlength("m"), SIZE * 4 // 3
        rows = len(self.text().splitlines())
        image = Image.new("RGB", (round(self.columns * cell) + 2 * PAD, rows * line + 2 * PAD), "white")
        canvas = ImageDraw.Draw(image)
        canvas.rounded_rectangle([0, 0, image.width - 1, image.height - 1], PAD // 2, fill=GROUND)
        for row in range(rows):
            for column in range(self.columns):
                character = self.screen.buffer[row][column]
                if character.data.strip():
                    canvas.text((PAD + column * cell, PAD + row * line), character.data, font=FONTS[character.bold], fill=COLOURS[character.fg])
        image.quantize(256).save(path, optimize=True)


def main():
    os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
    os.environ.pop("NO_COLOR", None)
    OUT.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        work = pathlib.Path(folder)
        (work / "bin").mkdir()
        (work / "bin/normlab").symlink_to(PROGRAM)
        os.environ["PATH"] = f"{work}/bin:{os.environ['PATH']}"
        for name in ("configs", "experiments"):
            shutil.copytree(ROOT / name, work / name)
        (work / "mine.yaml").write_text(WRONG)
        for name, (columns, commands) in SCREENS.items():
            terminal = Terminal(columns, work)
            for i, (command, until) in enumerate(commands):
                terminal.run(command, until, i == len(commands) - 1)
            terminal.draw(OUT / f"{name}.png")


if __name__ == "__main__":
    main()
