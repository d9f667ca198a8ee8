#!/usr/bin/env bash
# Reports in a real browser (Chromium) and in pdflatex: no message on the console, no scrolling of the page to the side at 400 and 1,400 pixels,
# text with a contrast of at least 4.5 in both colour schemes, and a PDF without an error or a line beyond the margin. The tables of the shipped
# experiments fit into a column of LaTeX's article.
set -euo pipefail
root=${NORMLAB_ROOT:-$(cd "$(dirname "$0")/../.." && pwd)}
program=${NORMLAB_PROGRAM:-$root/build/normlab}
missing=()
for needed in chromium pdflatex pdftotext python3 gnuplot; do
    command -v "$needed" >/dev/null || missing+=("$needed")
done
[ ${#missing[@]} -eq 0 ] || { echo "skipped: not there: ${missing[*]}"; exit 77; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$root/tests/plots/report_folders.sh"
make_results
mkdir "$folder/claims"
(cd "$root" && "$program" report "${reported[@]}" --claims="$folder/claims" --out "$folder/report" -q >/dev/null)

# What a script in a frame beside the page sees of it; explore.sh uses the page's own. It reports in its own title and body.
cat >"$folder/probe.html" <<'HTML'
<!DOCTYPE html><meta charset="utf-8"><title>probe</title><body style="margin:0"><pre id="out"></pre><iframe id="f" style="border:0"></iframe>
<script>
const [width, scheme] = location.hash.slice(1).split(',');
const frame = document.getElementById('f'), out = [];
frame.style.width = width + 'px'; frame.style.height = '900px'; frame.style.colorScheme = scheme;
frame.onload = () => {
  const page = frame.contentDocument, view = frame.contentWindow;
  const numbers = c => c.match(/[\d.]+/g).map(Number);
  const light = c => c.slice(0, 3).map(v => v / 255).map(v => v <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [.2126, .7152, .0722][i], 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = numbers(view.getComputedStyle(e).backgroundColor); if (c.length < 4 || c[3] > 0) return c; } return [255, 255, 255]; };
  out.push('overflow ' + (page.documentElement.scrollWidth - page.documentElement.clientWidth));
  let least = 99, texts = 0, outside = 0;
  const walk = page.createTreeWalker(page.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const e = walk.currentNode.parentElement;
    if (!walk.currentNode.data.trim() || e.closest('svg') || e.closest('style')) continue;
    const a = light(numbers(view.getComputedStyle(e).color)), b = light(ground(e));
    least = Math.min(least, (Math.max(a, b) + .05) / (Math.min(a, b) + .05));
    texts++;
    if (!e.closest('.wide') && e.getBoundingClientRect().right > Number(width) + 1) outside++;
  }
  const wide = [...page.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth).length;
  out.push('contrast ' + least.toFixed(2), 'texts ' + texts, 'outside ' + outside, 'scrolling ' + wide);
  out.push('ground ' + numbers(view.getComputedStyle(page.body).backgroundColor).slice(0, 3).join(','));
  out.push('pictures ' + [...page.querySelectorAll('svg')].filter(e => e.getBoundingClientRect().width > 200 && e.getAttribute('aria-label')).length);
  document.getElementById('out').textContent = out.join('\n');
};
frame.src = 'report/index.html';
</script>
HTML
browse() { chromium --headless=new --no-sandbox --disable-gpu --allow-file-access-from-files --user-data-dir="$folder/profile" --enable-logging=stderr "$@" 2>"$folder/browser.log"; }

for width in 400 1400; do
    for scheme in light dark; do
        browse --window-size=1600,1000 --virtual-time-budget=20000 --dump-dom "file://$folder/probe.html#$width,$scheme" >"$folder/dom"
        grep -q 'CONSOLE' "$folder/browser.log" && { grep CONSOLE "$folder/browser.log"; exit 1; }
        python3 - "$folder/dom" "$width" "$scheme" <<'PYTHON'
import re, sys
path, width, scheme = sys.argv[1:]
found = dict(line.split(" ", 1) for line in re.search(r'<pre id="out">(.*?)</pre>', open(path).read(), re.S)[1].splitlines())
print(width, scheme, found)
assert found["overflow"] == "0" and found["outside"] == "0", "the page scrolls to the side"
assert float(found["contrast"]) >= 4.5 and int(found["texts"]) > 500 and found["pictures"] == "11"  # an explorer each, too
assert (sum(map(int, found["ground"].split(","))) < 200) == (scheme == "dark"), "the colour scheme is not heeded"
assert int(found["scrolling"]) > 0 or width != "400", "wide tables scroll in their own box"
PYTHON
    done
done
browse --no-pdf-header-footer --print-to-pdf="$folder/page.pdf" "file://$folder/report/index.html"
pdftotext -layout "$folder/page.pdf" "$folder/page.txt"
grep -q 'How to repeat it' "$folder/page.txt"

cd "$folder/report"
for _ in 1 2; do pdflatex -interaction=nonstopmode -halt-on-error report.tex >"$folder/latex.log" || { tail -n 20 "$folder/latex.log"; exit 1; }; done
grep -E '^Overfull .hbox \(([3-9][0-9]|[0-9]{3,})\.' report.log && exit 1 # more than 30 points: the hostile titles have long words
grep -E 'Undefined control|Missing|undefined on input' report.log && exit 1
pdftotext -layout report.pdf "$folder/latex.txt"
grep -q 'How to repeat it' "$folder/latex.txt"
grep -q 'Published claims' "$folder/latex.txt"
"$program" report "$folder/rates" --out "$folder/report" -q >/dev/null # beside what LaTeX left

"$program" sweep "$root/experiments/tuned.yaml" norm.kind=bn,none train.batch=32,4 train.epochs=2 data.train=512 sweep.seeds=5 --no-plot --no-warnings -q \
    --out "$folder/searched" >/dev/null
"$program" import "$root/tests/golden/logs/wandb.csv" -q --out "$folder/imported"
"$program" appendix "$folder/rates" "$folder/searched" "$folder/imported" --out "$folder/appendix" -q >/dev/null
cd "$folder/appendix"
for _ in 1 2; do pdflatex -interaction=nonstopmode -halt-on-error appendix-alone.tex >"$folder/latex.log" || { tail -n 20 "$folder/latex.log"; exit 1; }; done
grep -E '^Overfull .hbox \(([2-9][0-9]|[0-9]{3,})\.' appendix-alone.log && exit 1
pdftotext -layout appendix-alone.pdf "$folder/appendix.txt"
for said in 'Search spaces' 'What tuning costs' 'Spread over seeds' 'Reproducibility checklist' OPEN; do
    grep -qi "$said" "$folder/appendix.txt" || { echo "the appendix does not say: $said"; exit 1; }
done
printf '%s\n' '\documentclass{article}\usepackage{graphicx,array,longtable}\graphicspath{{appendix/}}\begin{document}A paper.\appendix\input{appendix/appendix}\end{document}' \
    >"$folder/paper.tex"
(cd "$folder" && pdflatex -interaction=nonstopmode -halt-on-error paper.tex >"$folder/latex.log") || { tail -n 20 "$folder/latex.log"; exit 1; }
"$program" appendix "$folder/rates" --out "$folder/appendix" -q >/dev/null # beside what LaTeX left

for experiment in small_batch ghost_batch lr_tolerance; do
    "$program" sweep "$root/experiments/$experiment.yaml" train.epochs=3 --out "$folder/$experiment" --no-plot --no-warnings -q >/dev/null
    for what in summary grid; do
        "$program" table "$folder/$experiment" --what $what --format latex >table.tex
        printf '%s\n' '\documentclass{article}\usepackage{booktabs}\begin{document}\input{table.tex}\end{document}' >paper.tex
        pdflatex -interaction=nonstopmode -halt-on-error paper.tex >"$folder/latex.log" || { tail -n 20 "$folder/latex.log"; exit 1; }
        grep -A 3 '^Overfull' paper.log && { echo "$experiment, $what"; exit 1; }
    done
done
echo "100%: Checks: 30"
