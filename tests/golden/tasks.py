"""Writes tasks.txt: what the generated tasks (core/data/tasks.h) consist of, worked out from their definitions alone.

A line is KEY=VALUE ... of the data section, then the SHA-256 of x, of what is to be put out, and of the lengths ("-": none): int32, or float32 of adding.
Needs numpy.
"""
import hashlib
import pathlib

import numpy as np

MASK = 0xFFFFFFFF
COPIED = 10


def philox(counter, key):
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(10):
        left, right = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (right >> 32) ^ b ^ k0, right & MASK, (left >> 32) ^ d ^ k1, left & MASK
        k0, k1 = (k0 + 0x9E3779B9) & MASK, (k1 + 0xBB67AE85) & MASK
    return a, b, c, d


class Stream:
    def __init__(self, seed, name):
        fold = 1469598103934665603
        for byte in name.encode():
            fold = (fold ^ byte) * 1099511628211 % 2**64
        self.key = philox((seed & MASK, seed >> 32, fold & MASK, fold >> 32), (0x6E6F726D, 0x6C61622E))[:2]

    def block(self, row, index):
        return philox((index & MASK, index >> 32, row & MASK, row >> 32), self.key)

    def bits(self, row, index):
        block = self.block(row, index)
        return block[1] << 32 | block[0]

    def below(self, row, index, below):
        return self.bits(row, index) * below >> 64

    def uniform(self, row, index):
        return ((self.bits(row, index) >> 11) + 0.5) / 2**53


def copy(draw, uniform, n, longest, symbols):
    blank, said = symbols, [draw(1 + i, symbols) for i in range(COPIED)]
    x = said + [blank] * (n - 1) + [blank + 1] + [blank] * COPIED
    behind = [blank] * (longest - n)
    return x + behind, [blank] * (n + COPIED) + said + behind, n + 2 * COPIED


def adding(draw, uniform, n, longest, symbols):
    number = np.array([uniform(1 + i) for i in range(n)], np.float32)
    marked = draw(longest + 1, n // 2), n // 2 + draw(longest + 2, n - n // 2)
    x = np.zeros((longest, 2), np.float32)
    x[:n, 0] = number
    x[list(marked), 1] = 1
    return x, [number[marked[0]] + number[marked[1]]], n


def sort(draw, uniform, n, longest, symbols):
    blank, said = symbols, [draw(1 + i, symbols) for i in range(n)]
    behind = [blank] * (2 * (longest - n))
    return said + [blank + 1] + [blank] * (n - 1) + behind, [blank] * n + sorted(said) + behind, 2 * n


def recall(draw, uniform, n, longest, symbols):
    left, x, value = list(range(symbols)), [], {}
    for i in range(n):
        place = i + draw(1 + i, symbols - i)
        left[i], left[place] = left[place], left[i]
        value[left[i]] = draw(longest + 1 + i, symbols)
        x += [left[i], symbols + value[left[i]]]
    asked = left[draw(2 * longest + 1, n)]
    mark = 2 * symbols
    return x + [mark, asked] + [mark] * (2 * (longest - n)), [value[asked]], 2 * n + 2


def parity(draw, uniform, n, longest, symbols):
    bits = [draw(1 + i, 2) for i in range(n)]
    return bits + [0] * (longest - n), [sum(bits) % 2], n


TASKS = {"copy": copy, "adding": adding, "sort": sort, "recall": recall, "parity": parity}
CASES = [
    ("copy", dict(length=1, symbols=2)), ("copy", dict(length=7, symbols=8)), ("copy", dict(length=9, min_length=2, symbols=5)),
    ("adding", dict(length=2)), ("adding", dict(length=13)), ("adding", dict(length=12, min_length=3)),
    ("sort", dict(length=1, symbols=3)), ("sort", dict(length=8, symbols=20)), ("sort", dict(length=6, min_length=1, symbols=4)),
    ("recall", dict(length=1, symbols=2)), ("recall", dict(length=5, symbols=5)), ("recall", dict(length=6, min_length=2, symbols=9)),
    ("parity", dict(length=1)), ("parity", dict(length=17)), ("parity", dict(length=9, min_length=4)),
]
TRAIN, TEST = 30, 11


def sha(numbers, real):
    return hashlib.sha256(np.ascontiguousarray(numbers, "<f4" if real else "<i4").tobytes()).hexdigest()


def main():
    lines = []
    for name, keys in CASES:
        longest, least = keys["length"], keys.get("min_length", keys["length"])
        samples = []
        for part, count in ((name, TRAIN), (name + "_test", TEST)):
            stream = Stream(0, part)
            for row in range(count):
                n = least + stream.below(row, 0, longest - least + 1)
                samples.append(TASKS[name](lambda i, below: stream.below(row, i, below), lambda i: stream.uniform(row, i), n, longest, keys.get("symbols", 8)))
        x, y, lengths = zip(*samples)
        said = " ".join(f"data.{key}={value}" for key, value in keys.items())
        real = name == "adding"
        lines.append(f"data.name={name} {said} data.train={TRAIN} data.test={TEST} {sha(x, real)} {sha(y, real)} {sha(lengths, False) if 'min_length' in keys else '-'}")
    (pathlib.Path(__file__).parent / "tasks.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
