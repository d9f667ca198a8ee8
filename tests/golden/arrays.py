"""Arrays as users have them, by NumPy.

    python tests/golden/arrays.py        writes tests/golden/arrays/, which tests/engine/test_arrays.c and tests/shell/cli/own_data.txt read

Classes can be learned: each shifts its samples. bytes/ has all four files; features/ has training files only, (N, D) in float32 with
a mean of 1e4 deviations, and standardized.npy, what a network must see of them if all are trained on; grey/ has names of its own
and labels of another integer type; targets/ has real ones; types/ has the same numbers in every type and order; archives/ has the
arrays of bytes/ in archives, of which zip64/ has every record that archives of more than 4 GiB have; tables/ has .csv files; wrong/ has what must be refused.
"""

import pathlib
import zipfile

import numpy

folder = pathlib.Path(__file__).parent / "arrays"
rng = numpy.random.default_rng(1)


def save(name, array):
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    numpy.save(path, array)


def labels(count, classes):
    return numpy.arange(count) % classes


y = labels(60, 3)
save("bytes/train_images.npy", (rng.integers(0, 160, (60, 4, 5, 3)) + 40 * y[:, None, None, None]).astype("uint8"))
save("bytes/train_labels.npy", y.astype("int64"))
save("bytes/test_images.npy", (rng.integers(0, 160, (20, 4, 5, 3)) + 40 * labels(20, 3)[:, None, None, None]).astype("uint8"))
save("bytes/test_labels.npy", labels(20, 3).astype("uint8"))

y = labels(50, 2)
x = (1e4 + rng.normal(size=(50, 6)) + 2 * y[:, None]).astype("float32")
x[:, 5] = 7  # no spread: becomes 0
save("features/train_images.npy", x)
save("features/train_labels.npy", y.astype("int32"))
wide = x.astype("float64")
deviation = wide.std(axis=0)
deviation[5] = 1
save("features/standardized.npy", ((wide - wide.mean(axis=0)) / deviation).astype("float32"))

y = labels(30, 3)
save("grey/faces.npy", (rng.normal(size=(30, 4, 4)) + y[:, None, None]).astype("float32"))
save("grey/who.npy", y.astype("int16"))
save("grey/more_faces.npy", (rng.normal(size=(12, 4, 4)) + labels(12, 3)[:, None, None]).astype("float32"))
save("grey/more_who.npy", labels(12, 3).astype("uint32"))

x = rng.normal(size=(10, 2, 3)).astype("float32")
save("wrong/good.npy", x)
save("wrong/labels.npy", labels(10, 2))
save("wrong/complex.npy", x.astype("complex64"))
save("wrong/one_dimension.npy", x[:, 0, 0].copy())
save("wrong/no_samples.npy", x[:0])
save("wrong/other_size.npy", x[:, :, :2].copy())
save("wrong/few.npy", x[:4])
for name, value in ("nan", numpy.nan), ("infinity", -numpy.inf):
    bad = x.copy()
    bad[7, 1, 2] = value
    save(f"wrong/{name}.npy", bad)
save("wrong/labels_float.npy", labels(10, 2).astype("float32"))
save("wrong/labels_column.npy", labels(10, 2)[:, None])
save("wrong/labels_few.npy", labels(9, 2))
save("wrong/labels_four.npy", labels(4, 2))
save("wrong/labels_negative.npy", labels(10, 3) - 1)
save("wrong/labels_of_one.npy", labels(10, 1))

x = rng.normal(size=(60, 3)).astype("float32")
y = 2 + x @ numpy.array([1.5, -1, 0.5])
save("targets/train_images.npy", x[:48])
save("targets/train_labels.npy", y[:48])
save("targets/test_images.npy", x[48:])
save("targets/test_labels.npy", y[48:].astype("float32"))
y[5] = 1e300
save("wrong/targets_huge.npy", y[:10])

# Every type in both orders of bytes and of dimensions, beside the same numbers as float32. The numbers fit int8, and bool has whether they are 0.
x = (numpy.arange(36) * 7 % 50).reshape(6, 2, 3)
save("types/labels.npy", labels(6, 2))
save("types/plain.npy", x.astype("float32"))
for kind in "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64".split():
    for mark, bytes_ in ("<", "little"), (">", "big"):
        for order, dimensions in ("C", "c"), ("F", "fortran"):
            stored = numpy.array(x, dtype=numpy.dtype(kind).newbyteorder(mark), order=order)
            if mark == "<" or stored.itemsize > 1:
                save(f"types/{kind}_{bytes_}_{dimensions}.npy", stored)

# All that float16 has: normal, subnormal, the largest and the smallest, both zeros; and float64 beside its nearest float32.
halves = numpy.array([1, -1.5, 0.1, 65504, 2.0**-14, 2.0**-24, 1023 * 2.0**-24, 0.0, -0.0, 3.140625], dtype="float16").reshape(5, 2)
doubles = numpy.array([0.1, 1 / 3, 2.0**24 + 1, -1e38, 1e-45, 1e-300, 1 + 2.0**-24, 1 + 3 * 2.0**-24, 0, -numpy.pi]).reshape(5, 2)
save("types/halves.npy", halves)
save("types/halves_plain.npy", halves.astype("float32"))
save("types/doubles.npy", doubles)
save("types/doubles_plain.npy", doubles.astype("float32"))
save("types/labels_five.npy", labels(5, 2))

save("wrong/objects.npy", numpy.array([[1, 2], [3, None]], dtype=object))
save("wrong/records.npy", numpy.zeros(5, dtype=[("age", "f4"), ("height", "f4")]))
save("wrong/texts.npy", numpy.array([["a", "bc"]] * 5))
save("wrong/dates.npy", numpy.array([["2020-01-01", "2020-01-02"]] * 5, dtype="M8[D]"))
save("wrong/long_double.npy", numpy.zeros((5, 2), dtype="longdouble"))
beyond = numpy.zeros((10, 2, 3), dtype="int32")
beyond[4, 1, 2] = 2**24 + 1
save("wrong/beyond.npy", beyond)
huge = numpy.zeros((10, 2, 3))
huge[4, 1, 2] = 1e300
save("wrong/huge.npy", huge)

# The arrays of bytes/ as archives, stored and deflated, under the names that Keras gives them.
members = {
    ours: numpy.load(folder / "bytes" / f"{theirs}.npy")
    for ours, theirs in zip(("x_train", "y_train", "x_test", "y_test"), ("train_images", "train_labels", "test_images", "test_labels"))
}
for name, write in ("stored", numpy.savez), ("deflated", numpy.savez_compressed):
    (folder / "archives" / name).mkdir(parents=True, exist_ok=True)
    write(folder / "archives" / name / f"{name}.npz", **members)

# The stored one with the records of zip64, as if all of it were too long for the fields of a zip: so says each field that has a longer one.
zipfile.ZIP64_LIMIT = -1
path = folder / "archives" / "zip64" / "zip64.npz"
path.parent.mkdir(parents=True, exist_ok=True)
numpy.savez(path, **members)
content = bytearray(path.read_bytes())
content[-22 + 8 : -22 + 20] = b"\xff" * 12  # of the end record: members, bytes of the directory, its place
path.write_bytes(content)
again = numpy.load(path)
assert all((again[name] == array).all() for name, array in members.items())

# Tables of features, with the values that must be read of them, the training part first, and the numbers of the classes.
count = 20
x = rng.normal(size=(count, 3))
names = numpy.array(["red, dark", 'say "blue"', "grün"])[labels(count, 3)]
part = numpy.where(numpy.arange(count) % 4 == 3, "test", "train")
order = numpy.argsort(part == "test", kind="stable")
integers = labels(count, 3) * 4 + 3


def table(name, header, rows, separator=",", end="\n", mark=""):
    path = folder / "tables" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    quoted = ['"' + str(cell).replace('"', '""') + '"' if any(c in str(cell) for c in ',;"') else str(cell) for row in [header, *rows] for cell in row]
    lines = [separator.join(quoted[i : i + len(header)]) for i in range(0, len(quoted), len(header))]
    path.write_bytes((mark + end.join(lines)).encode())  # no end after the last line


rows = [[repr(float(v)) for v in row] for row in x]
table("words.csv", ["a", "b, c", "d", "colour"], [[*row, name] for row, name in zip(rows, names)], end="\r\n", mark="\ufeff")
table("split.csv", ["Split", "Target", "a", "b", "c"], [[p, n, *row] for p, n, row in zip(part, integers, rows)], separator=";")
table("classes.csv", ["y", "a", "b", "c"], [[n, *row] for n, row in zip(labels(count, 3), rows)], separator="\t")
table("reals.csv", ["a", "b", "c", "label"], [[*row, repr(float(v))] for row, v in zip(rows, x.sum(axis=1))])
save("tables/x.npy", x.astype("float32"))
save("tables/words.npy", numpy.unique(names, return_inverse=True)[1].astype("int32"))
save("tables/split_x.npy", x[order].astype("float32"))
save("tables/split.npy", numpy.unique(integers, return_inverse=True)[1][order].astype("int32"))
save("tables/classes.npy", labels(count, 3).astype("int32"))
save("tables/reals.npy", x.sum(axis=1).astype("float32"))
