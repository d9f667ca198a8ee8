#!/usr/bin/env bash
# normlab data fetch against a server on this machine that cuts, corrupts, redirects, stalls and answers with errors: what comes is the
# published file or nothing, nothing half has a final name, and the same command goes on. NORMLAB_PROGRAM names the program.
set -euo pipefail
command -v python3 >/dev/null || {
    echo "skipped: there is no python3 for the server"
    exit 77
}
tests=$(cd "$(dirname "$0")" && pwd)
folder=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || kill "$server" 2>/dev/null || true
    rm -rf "$folder"
}
trap finish EXIT
cd "$folder"
unset http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NORMLAB_MIRROR NORMLAB_DATA
export HOME=$folder/home XDG_DATA_HOME= no_proxy='*'

fail() {
    echo "$*" >&2
    sed 's/^/  said: /' said >&2
    sed 's/^/  log: /' log >&2
    exit 1
}

# ---- data sets of a few samples, and archives that do what they should not ----

python3 - <<'PYTHON'
import gzip, io, os, random, struct, tarfile

random.seed(1)
os.makedirs("site/mnist")
for part, count in (("train", 400), ("t10k", 100)):
    images = struct.pack(">IIII", 0x803, count, 28, 28) + random.randbytes(784 * count)
    labels = struct.pack(">II", 0x801, count) + bytes(i % 10 for i in range(count))
    for name, data in (("images-idx3", images), ("labels-idx1", labels)):
        with open(f"site/mnist/{part}-{name}-ubyte.gz", "wb") as out:
            out.write(gzip.compress(data, mtime=0))


def archive(site, members):
    os.makedirs(f"{site}/cifar10")
    with tarfile.open(f"{site}/cifar10/cifar-10-binary.tar.gz", "w:gz") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            if isinstance(data, bytes):
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            else:
                info.type, info.linkname = data
                tar.addfile(info)


inside = "cifar-10-batches-bin/"
records = lambda count: b"".join(bytes([i % 10]) + random.randbytes(3072) for i in range(count))
good = [(f"{inside}data_batch_1.bin", records(60)), (f"{inside}test_batch.bin", records(20))]
archive("site", [(inside, (tarfile.DIRTYPE, ""))] + good + [(f"{inside}readme.html", b"<html>")])
for name, member in {
    "above": ("../evil", b"evil"),
    "inside_above": (f"{inside}../evil", b"evil"),
    "absolute": (os.path.abspath("evil"), b"evil"),
    "symlink": (f"{inside}evil", (tarfile.SYMTYPE, "/etc")),
    "hardlink": (f"{inside}evil", (tarfile.LNKTYPE, f"{inside}test_batch.bin")),
    "device": (f"{inside}evil", (tarfile.FIFOTYPE, "")),
    "hidden": (f"{inside}.evil", b"evil"),
    "deeper": (f"{inside}a/evil", b"evil"),
    "twice": (f"{inside}test_batch.bin", b"evil"),
    "sums": (f"{inside}SHA256SUMS/evil", b"evil"),
    "empty": None,
}.items():
    archive(f"bad/{name}", good + [member] if member else [])
os.makedirs("bad/noise/cifar10")
with open("bad/noise/cifar10/cifar-10-binary.tar.gz", "wb") as out:
    out.write(b"no archive at all" * 10)
PYTHON

manifest() { # FILE...: on stdout
    for file; do echo "$(sha256sum <"$file" | cut -d' ' -f1) $(stat -c %s "$file") $(basename "$file")"; done
}
manifest site/mnist/* >mnist.txt
manifest site/cifar10/* >cifar10.txt
images=train-images-idx3-ubyte.gz
grep $images mnist.txt >images.txt
size=$(stat -c %s site/mnist/$images)

python3 "$tests/fetch_server.py" . log port &
server=$!
until [ -e port ]; do
    kill -0 $server || fail "the server does not start"
    sleep 0.05
done
host=http://127.0.0.1:$(cat port)

# MANIFEST FAULT[,FAULT...] PATIENCE: fetches the data set of the manifest's name into out/, and waits so many seconds for a server that says nothing
fetch() {
    local list=$1 mirrors= name
    for fault in ${2//,/ }; do mirrors+="$host/$fault/${site:-site} "; done
    case $list in cifar10*) name=cifar10 ;; *) name=mnist ;; esac
    : >log
    "$NORMLAB_PROGRAM" data fetch $name --dir out --manifest "$list" --mirror "$mirrors" --timeout "$3" >said 2>&1
}
# CODE MANIFEST FAULT[,FAULT...]: said: what it said. Its patience has no end here: a slow server is none that stalls.
try() {
    local code=0
    fetch "$2" "$3" 600 || code=$?
    [ "$code" = "$1" ] || fail "exit code $code, expected $1: fetch from $3"
}
says() { grep -qF -- "$1" said || fail "expected the words: $1"; }
logs() { grep -qE "^$1\$" log || fail "expected the request: $1"; }
requests() { [ "$(wc -l <log)" = "$1" ] || fail "expected $1 requests"; }
right() { (cd out && grep -v '^#' "../$1" | while read -r sum _ name; do echo "$sum  $name"; done | sha256sum -c --quiet) || fail "wrong files"; }
nothing() { [ -z "$(ls -A out)" ] || fail "left behind: $(ls -A out)"; }
fresh() { rm -rf out; }

# ---- whole ----

try 0 mnist.txt whole
says "mnist: fetched, SHA-256 right, in out"
right mnist.txt
[ "$(ls -A out | wc -l)" = 4 ] || fail "more than the four files"
try 0 mnist.txt whole
says "already there, SHA-256 right"
requests 0
rm out/$images
try 0 mnist.txt whole
requests 1
printf x >>out/$images # somebody's own, or damaged: not touched
try 1 mnist.txt whole
says "'out/$images' exists and is not the published file"
requests 0
echo "whole: fetched, seen to be there, completed; another file is not overwritten"

# Where training looks, with no key; and by the environment.
: >log
NORMLAB_MIRROR=$host/whole/site "$NORMLAB_PROGRAM" data fetch mnist --manifest mnist.txt --timeout 600 >said 2>/dev/null
says "in $HOME/.local/share/normlab/mnist"
"$NORMLAB_PROGRAM" data export mnist --out arrays >said 2>&1 || fail "the data are not found"
says "400 train, 0 val, 100 test samples"
NORMLAB_DATA=$folder/data "$NORMLAB_PROGRAM" data fetch cifar10 --manifest cifar10.txt --mirror "$host/whole/site" --timeout 600 >said 2>&1 || fail "cifar10"
NORMLAB_DATA=$folder/data "$NORMLAB_PROGRAM" data export cifar10 --out arrays >said 2>&1 || fail "the data are not found"
says "60 train, 0 val, 20 test samples"
echo "found without any key"

fresh
: >log
env -u no_proxy http_proxy="$host" "$NORMLAB_PROGRAM" data fetch mnist --dir out --manifest images.txt --timeout 600 \
    --mirror http://nowhere.invalid/whole/site >said 2>&1 || fail "not by the proxy"
requests 1
right images.txt
echo "by a proxy"

# ---- faults ----

fresh
try 0 images.txt cut
right images.txt
says "the connection was lost, at $(((size + 3) / 4)) of $size bytes; resuming"
requests 4
logs "cut $images bytes=$(((size + 3) / 4))-"
fresh
try 0 images.txt unsaid-cut
right images.txt
fresh
try 1 images.txt norange-cut
[ ! -e out/$images ] && [ -s out/$images.part ] || fail "the .part is to be kept"
try 0 images.txt whole # from another server than the one that it came from
logs "whole $images bytes=$((size / 2))-"
right images.txt
[ ! -e out/$images.part ] || fail "the .part is left"
echo "cut: goes on where it was, on any server"

fresh; mkdir out; head -c 1000 site/mnist/$images >out/$images.part
try 0 images.txt norange
right images.txt
logs "norange $images bytes=1000-"
logs "norange $images -"
echo "ranges ignored: from the start"

fresh; mkdir out; head -c 1000 /dev/zero >out/$images.part
try 0 images.txt whole
says "wrong SHA-256"
right images.txt
fresh; mkdir out; head -c "$size" /dev/zero >out/$images.part # whole, and wrong
try 0 images.txt whole
right images.txt
fresh; mkdir out; cat site/mnist/$images - <<<more >out/$images.part
try 0 images.txt whole
right images.txt
fresh; mkdir out; cp site/mnist/$images out/$images.part # whole, and right
try 0 images.txt whole
right images.txt
requests 0
echo "a wrong beginning: once more from the start"

for fault in corrupt longer page 404 loop elsewhere; do
    fresh
    try 1 images.txt $fault
    nothing
    case $fault in
        corrupt) says "wrong SHA-256" ;;
        longer) says "longer than" ;;
        page) says "it sent 26 of" ;;
        404) says "HTTP status 404" ;;
        loop) says "more than 5 redirects" ;;
    esac
    requests $([ $fault = loop ] && echo 6 || echo 1) # no second try: it would be the same
done
fresh
try 0 images.txt 404,loop,corrupt,redirect
right images.txt
logs "redirect $images -"
logs "whole $images -"
says "HTTP status 404"
echo "refused: corrupt, longer, a page, 404, redirects without end or to a file; the next mirror is asked"

fresh
try 1 images.txt 503
requests 3
says "HTTP status 503"
fresh
"$NORMLAB_PROGRAM" data fetch mnist --dir out --manifest images.txt --mirror http://127.0.0.1:1 >said 2>&1 && fail "nobody is there"
says "http://127.0.0.1:1/mnist: Failed to connect"
echo "servers that fail, or are not there: tried again, given up"

# ---- stopped ----

fresh
begin() { # a slow download; returns once something came
    local before
    before=$(stat -c %s out/$images.part 2>/dev/null || echo 0)
    "$NORMLAB_PROGRAM" data fetch mnist --dir out --manifest images.txt --mirror "$host/slow/site" --timeout 600 >said 2>&1 &
    client=$!
    until [ "$(stat -c %s out/$images.part 2>/dev/null || echo 0)" -gt "$before" ]; do
        kill -0 $client || fail "nothing came"
        sleep 0.02
    done
}
begin
[ ! -e out/$images ] || fail "half a file under the final name"
code=0
"$NORMLAB_PROGRAM" data fetch mnist --dir out --manifest images.txt --mirror "$host/whole/site" >second 2>&1 || code=$?
[ $code = 1 ] && grep -q "another normlab is at work there" second || fail "two at once: $code, $(cat second)"
kill -INT $client
code=0
wait $client || code=$?
[ $code = 130 ] || fail "exit code $code after Ctrl-C"
says "stopped; to resume:"
says "data fetch mnist --dir out"
[ ! -e out/$images ] && [ -s out/$images.part ] || fail "the .part is to be kept"
begin
kill -KILL $client
wait $client 2>/dev/null || true
had=$(stat -c %s out/$images.part)
try 0 images.txt whole
logs "whole $images bytes=$had-"
right images.txt
echo "Ctrl-C and kill -9: kept, and gone on with; two at once: one waits"

echo "$(cut -d' ' -f1 images.txt) 4000000000000000000 $images" >huge.txt
fresh
try 1 huge.txt whole
says "and the disk of 'out' has"
requests 0
fresh
(
    trap '' XFSZ
    ulimit -f 100 # blocks of 1 KiB: the disk fails in the middle
    try 1 images.txt whole
)
says "cannot write '$images.part': File too large"
[ "$(ls -A out)" = $images.part ] || fail "left behind: $(ls -A out)"
try 0 images.txt whole
right images.txt
echo "a disk that is too small: said before; one that fails: gone on with later"

# ---- archives ----

fresh
try 0 cifar10.txt cut
[ "$(ls -A out)" = cifar-10-batches-bin ] || fail "left behind: $(ls -A out)"
(cd out/cifar-10-batches-bin && sha256sum -c --quiet SHA256SUMS) || fail "wrong sums"
try 0 cifar10.txt whole
says "already there, SHA-256 right"
requests 0
printf x >>out/cifar-10-batches-bin/test_batch.bin
try 1 cifar10.txt whole
says "remove 'out/cifar-10-batches-bin'"
rm out/cifar-10-batches-bin/SHA256SUMS
try 1 cifar10.txt whole
says "was not made by data fetch"
fresh; mkdir out; cp site/cifar10/cifar-10-binary.tar.gz out; mkdir out/cifar-10-batches-bin.part; touch out/cifar-10-batches-bin.part/half
try 0 cifar10.txt whole # brought by hand, and an unpacking that was killed
requests 0
[ ! -e out/cifar-10-batches-bin/half ] && [ -e out/cifar-10-batches-bin/SHA256SUMS ] || fail "not unpacked anew"
mkdir precious; echo mine >precious/data_batch_1.bin
for part in cifar-10-batches-bin cifar-10-binary.tar.gz; do # the folder of somebody, or a file: they stay as they are
    fresh; mkdir out; ln -s ../precious$([ $part = cifar-10-batches-bin ] || echo /data_batch_1.bin) out/$part.part
    try 1 cifar10.txt whole
    says "out/$part.part': it is"
    says "a symbolic link"
    [ "$(ls -A precious) $(cat precious/*)" = "data_batch_1.bin mine" ] || fail "written through a link: $(ls -A precious)"
done
fresh; mkdir out; ln -s ../precious/data_batch_1.bin out/$images.part
try 1 images.txt whole
says "out/$images.part': it is not a regular file, but a symbolic link"
[ "$(ls -A precious) $(cat precious/*)" = "data_batch_1.bin mine" ] || fail "written through a link: $(ls -A precious)"
fresh; mkdir out; cp precious/data_batch_1.bin out/${images%.gz}; ln -s ../precious/data_batch_1.bin out/$images # files that are in use
try 1 images.txt whole
says "'out/$images' exists and is not the published file"
requests 0
rm out/$images
try 0 images.txt whole
cmp precious/data_batch_1.bin out/${images%.gz} || fail "a file in use is another one"
for bad in bad/*; do
    fresh
    manifest "$bad"/cifar10/* >cifar10_bad.txt
    site=$bad try 1 cifar10_bad.txt whole
    says "cannot unpack"
    [ "$(ls -A out)" = cifar-10-binary.tar.gz.part ] || fail "$bad: left behind: $(ls -A out)"
    [ -z "$(find . /tmp/evil -name evil 2>/dev/null)" ] || fail "$bad: got out"
done
echo "archives: unpacked, checked; $(ls bad | wc -l) that are wrong or would get out, refused"

# ---- servers that say nothing ----

# How soon one that is well answers, depends on the machine: patience is doubled until it suffices for that. Last, because a request that nobody
# waits for any more may be logged late.
for ((patience = 1; patience <= 64; patience *= 2)); do
    fresh
    ! { fetch images.txt silent,stall,whole $patience && grep -q "^whole $images bytes=$((size / 2))-$" log; } || break
done
says "no data for $patience s"
logs "stall $images -"
logs "whole $images bytes=$((size / 2))-"
right images.txt
echo "servers that say nothing or stall: given up after $patience s"
