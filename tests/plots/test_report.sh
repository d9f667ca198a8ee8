#!/usr/bin/env bash
# `normlab report` before judges we did not write: Python's readers of XML and HTML take the page, whatever the texts of the results are; the
# Markdown and the LaTeX have the page's numbers; a report is the same bytes twice, says what is missing, and replaces nothing but a report.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
command -v python3 >/dev/null || { echo "skipped: python3 is not there"; exit 77; }
command -v gnuplot >/dev/null || { echo "skipped: gnuplot is not there"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$root/tests/plots/report_folders.sh"
make_results
fail() { echo "$*"; exit 1; }

"$program" report "${reported[@]}" --out "$folder/report" -q >"$folder/out"
cp -r "$folder/report" "$folder/first"
"$program" report "${reported[@]}" --out "$folder/report" -q >/dev/null
for file in index.html report.md report.tex; do cmp "$folder/first/$file" "$folder/report/$file"; done
find "$folder/report" -name '*.tmp' | grep . && fail "half a file is left"

# every number and word is the kept one's, but for what the machine and the hour are: NORMLAB_REPORT_WRITE=1 keeps a new one
kept=$root/tests/plots/report.md
sed -E -e "s|$folder|FOLDER|g; s|$program|normlab|g" -e '/^\| (version|commit|compiler|processor|machine|date) \|/d' "$folder/report/report.md" >"$folder/now.md"
[ -z "${NORMLAB_REPORT_WRITE:-}" ] || cp "$folder/now.md" "$kept"
diff "$kept" "$folder/now.md"

python3 - "$folder/report" <<'PYTHON'
import html.parser, re, sys
import xml.etree.ElementTree as xml
from pathlib import Path

folder = Path(sys.argv[1])
page, markdown, latex = ((folder / name).read_text() for name in ("index.html", "report.md", "report.tex"))

# well-formed, for a reader of XML and one of HTML
tree = xml.fromstring(page.replace("<!DOCTYPE html>", ""))
name = lambda element: element.tag.rsplit("}")[-1]
elements = list(tree.iter())
opened = []


class Reader(html.parser.HTMLParser):
    def handle_starttag(self, tag, attributes):
        opened.append(tag)
        assert not [a for a, _ in attributes if a.startswith("on")], attributes


reader = Reader()
reader.feed(page)
reader.close()
assert opened.count("script") == 5 and "img" not in opened and len(opened) > 500  # test_explore.sh looks at them
assert "alert(1)" in "".join(tree.itertext())  # as text it is there

# nothing from elsewhere; ids are unique, and what is referred to is there
ids = [e.get("id") for e in elements if e.get("id")]
assert len(ids) == len(set(ids)) > 40
for element in elements:
    for attribute, value in element.attrib.items():
        assert not attribute.lower().startswith("on"), attribute
        if attribute.rsplit("}")[-1] in ("href", "src"):
            assert value == "data:," or value[0] == "#" and value[1:] in ids, value
        for target in re.findall(r"url\(([^)]*)\)", value):
            assert target[0] == "#" and target[1:] in ids, target
        if attribute.startswith("aria-labelledby"):
            assert value in ids
    if name(element) == "style":
        assert "url(" not in element.text and "@import" not in element.text

# one h1, no level left out, a contents list with every section, a picture says what it shows
levels = [int(name(e)[1]) for e in elements if re.fullmatch("h[1-6]", name(e))]
assert levels[0] == 1 and levels.count(1) == 1 and all(b <= a + 1 for a, b in zip(levels, levels[1:]))
assert len(tree.findall(".//nav//a")) == levels.count(2) == 4
pictures = [e for e in elements if name(e) == "svg"]
assert len(pictures) == 7 and all(e.get("role") == "img" and len(e.get("aria-label")) > 40 for e in pictures)

# the three forms have the same numbers, in the same order
number = re.compile(r"\d+(?:\.\d+)?")
main = tree.find("body/main")
for nav in main.findall("nav"):
    main.remove(nav)
text = []


def collect(element):
    if name(element) in ("svg", "script"):
        return
    text.append(element.text or "")
    for child in element:
        collect(child)
        text.append(child.tail or "")


collect(main)
of_page = number.findall("".join(text))
plain = re.sub(r'<a id="s\d+"></a>|^- \[.*\]\(#s\d+\)$|!\[.*\]\(.*\)$|^<!--.*-->$|^#{1,4} |^`{3,}sh|^Written by .*$', "", markdown, flags=re.M)
of_markdown = number.findall(plain.replace("\\", ""))
body = latex.split(r"\begin{document}")[1]
body = re.sub(r"\\includegraphics\[[^]]*\]\{[^}]*\}|\\begin\{longtable\}.*|\\hspace\{0pt\}|\\fbox\{\\parbox\{.96|\\setlength.*|Written by .*|\[U\+[0-9A-F]+\]", "", body)
of_latex = number.findall(body.replace("$<$", "<").replace("\\", ""))
assert len(of_page) > 400 and of_page == of_markdown, [(a, b) for a, b in zip(of_page, of_markdown) if a != b][:5]
# a wide table stands in several in LaTeX: there numbers may stand twice
from collections import Counter
assert not Counter(of_page) - Counter(of_latex), Counter(of_page) - Counter(of_latex)

# a picture is described by its kind, axes and methods, not by the answer, which stands there already
alts = [e.get("aria-label") for e in elements if name(e) == "svg"]
assert len(alts) == 7 and all(f"![{alt}]" in markdown for alt in alts), alts
assert "Line chart. Horizontal axis: batch size. Vertical axis: test error (%). Lines: BN and no norm." in alts
assert "Line chart. Horizontal axis: learning rate. Vertical axis: test error (%). Lines: BN, LN and no norm." in alts
assert "Line chart. Horizontal axis: training time. Vertical axis: test error (%). Lines: BN and no norm." in alts
assert not [alt for alt in alts if "falls" in alt or "tolerates" in alt]

# said first, and what earlier rounds decided
for form in (page, markdown, latex):
    assert form.index("INCOMPLETE: 1 of 4 results") < form.index("Question")
    at = form.index("trials missing: 6 of 12. Claims that need them")
    assert form.index("Question", at) - at < 1000, "what is missing is said first"
    assert "chosen by val" in form.replace("\\", "") and "at the edge of the values of train.lr" in form
    assert re.search(r"diverged: seeds 1 \(step \d+\), 2 \(step \d+\), 3 \(step \d+\)", form), "the seeds are one list"
    assert "norm.kind=bn" in form.replace("\\hspace{0pt}", "") and "numerics" in form
for file in re.findall(r"\((figures/[^)]*)\)", markdown) + [f + ".pdf" for f in re.findall(r"\{(figures/[^}]*)\.pdf\}", latex)]:
    assert (folder / file).stat().st_size > 1000, file
PYTHON

# of claims, too, what has no verdict is said first
mkdir -p "$folder/experiments/claims" "$folder/claims"
cat >"$folder/experiments/claims/open.yaml" <<'YAML'
base: ../../base.yaml
claim:
  says: BN is better than nothing.
  source: Nobody 2020
  measure: {metric: test_error}
  parts: [{says: BN has fewer errors, of: {norm.kind: none}, minus: {norm.kind: bn}, smallest: 2}]
sweep: {grid: {norm.kind: [bn, none]}}
YAML
(cd "$folder" && "$program" report rates --claims=claims --out both -q >/dev/null)
[ ! -e "$folder/both/figures/claim-1-open" ] || fail "a figure of a claim that did not run"
awk '/INCOMPLETE: trials are missing for 1 of 1 claim,/ { said = NR } /^## / && !first { first = NR } END { exit !(said && said < first) }' "$folder/both/report.md"

# a claim that ran has its figure
(cd "$folder" && "$program" claims run open --out claims -q >/dev/null && "$program" report --claims=claims --out judged -q >/dev/null)
grep -q '^!\[Line chart\. .*Lines: BN and no norm\.\](figures/claim-1-open/curves.svg)$' "$folder/judged/report.md"
[ -s "$folder/judged/figures/claim-1-open/curves.pdf" ]

# what cannot be drawn is said, and no success
mkdir "$folder/bin"
printf '#!/bin/sh\necho broken >&2\nexit 1\n' >"$folder/bin/gnuplot"
chmod +x "$folder/bin/gnuplot"
code=0
PATH=$folder/bin:$PATH "$program" report "$folder/rates" --out "$folder/undrawn" -q >/dev/null 2>"$folder/err" || code=$?
[ "$code" = 1 ]
grep -q 'figures are missing' "$folder/err"
grep -q 'could not be drawn' "$folder/undrawn/index.html"
grep -q 'How to repeat it' "$folder/undrawn/report.md"

# somebody's files stay
echo mine >"$folder/report/notes.txt"
cp "$folder/report/index.html" "$folder/before.html"
code=0
"$program" report "$folder/rates" --out "$folder/report" >/dev/null 2>"$folder/err" || code=$?
[ "$code" = 2 ]
grep -q "notes.txt" "$folder/err"
cmp "$folder/before.html" "$folder/report/index.html"
echo "100%: Checks: 16"
