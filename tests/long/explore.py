"""Clicks through the explorers of explore.sh: FOLDER [where screenshots go, to be looked at]."""

import csv
import re
import shutil
import sys
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from browser import Browser

folder, shots = Path(sys.argv[1]), Path(sys.argv[2]) if len(sys.argv) > 2 else None
checks = 0


def check(good, what):
    global checks
    checks += 1
    assert good, what


def rows(name, table):
    with open(folder / name / table, newline="") as file:
        return list(csv.DictReader(file))


class Explorer:
    """That of a report in the browser. Elements are found by what a reader sees."""

    HELP = """
        window.part = s => document.querySelector('.explore ' + s);
        window.parts = s => [...document.querySelectorAll('.explore ' + s)];
        window.labelled = text => parts('label').find(l => l.textContent.trim() === text || l.querySelector('select') && l.firstChild.textContent === text);
        window.middle = e => { const r = e.getBoundingClientRect(); return [r.left + r.width / 2, r.top + r.height / 2] };
        window.bring = e => { e.scrollIntoView({block: 'center'}); return middle(e) };
    """

    def __init__(self, browser, name, width=800, **how):
        self.browser, self.name = browser, name
        browser.open(folder / f"{name}-report/index.html", width, **how)
        browser.frame()
        browser.run(self.HELP)

    def run(self, expression):
        return self.browser.run(expression)

    def click(self, expression):
        self.browser.click(*self.run(f"bring({expression})"))
        self.browser.frame()

    def choose(self, label, option):
        self.run(f"""(() => {{ const select = labelled({label!r}).querySelector('select');
            select.value = [...select.options].find(o => o.textContent === {option!r}).value;
            select.dispatchEvent(new Event('change')) }})()""")
        self.browser.frame()

    def options(self, label):
        return self.run(f"[...labelled({label!r}).querySelector('select').options].map(o => o.textContent)")

    def labels(self):
        return self.run("parts('.controls label').filter(l => l.querySelector('select')).map(l => l.firstChild.textContent)")

    def cells(self):
        return self.run("parts('.mark').map(m => Number(m.dataset.cell))")

    def point(self, cell):
        """Points at the mark of a cell; what is read then."""
        self.browser.move(*self.run(f"bring(part('.mark[data-cell=\"{cell}\"] > *'))"))
        self.browser.frame()
        return self.run("part('.read').textContent")

    def notes(self):
        return self.run("parts('.notes li').map(l => l.textContent)")

    def data(self):
        return self.run("JSON.parse(part('script').textContent)")

    def shot(self, what=""):
        if shots:
            shots.mkdir(parents=True, exist_ok=True)
            self.browser.frame()
            clip = self.run("(() => { const r = part('').getBoundingClientRect(); return {x: 0, y: r.top + scrollY - 60, width: innerWidth, height: r.height + 80} })()".replace("part('')", "document.querySelector('.explore')"))
            width = int(clip["width"])
            self.browser.picture(shots / f"{self.name}{what}-{width}.png", clip=clip)

    def quiet(self):
        check(not self.browser.said, (self.name, self.browser.said))
        check(len(self.browser.asked) == 1, self.browser.asked)
        check(self.run("document.documentElement.scrollWidth <= innerWidth"), f"{self.name} scrolls to the side")


def number(value):
    """Four digits, as JavaScript writes them; a half is rounded up."""
    exact = Decimal(float(value))
    if exact == 0:
        return "0"
    rounded = exact.quantize(Decimal(1).scaleb(exact.adjusted() - 3), ROUND_HALF_UP)
    return f"{float(rounded):.10g}"


def check_reading(e, metric="test_error", scale=100, unit="\u00a0%"):
    """What is read at every mark is the row of summary.csv."""
    data = e.data()
    for cell in e.cells():
        levels = data["cells"][cell]
        row, = [r for r in rows(e.name, "summary.csv") if r["metric"] == metric and all(
            r[key["key"]] == (key["values"][level] if level >= 0 else "") for key, level in zip(data["keys"], levels))]
        read = e.point(cell)
        for key, level in zip(data["keys"], levels):
            check(level < 0 or key["labels"][level] in read, (read, row))
        if row["mean"] and row["mean"] != "nan":
            check(f"{number(scale * float(row['mean']))}{unit}" in read and f"of {row['n']} run" in read, (read, row))
        else:
            check("no value" in read, (read, row))
        if row["lower"]:
            check(f"{number(scale * float(row['lower']))}{unit} to {number(scale * float(row['upper']))}{unit}" in read, (read, row))
        check((f"{row['failed']} of {row['runs']} run" in read) == (int(row["failed"]) > 0), (read, row))


def check_places(e, metric):
    """Marks lie where the labels of the vertical axis say."""
    ticks = e.run("parts('.paper text').filter(t => t.getAttribute('text-anchor') === 'end' && !t.hasAttribute('transform')).map(t => [Number(t.textContent), Number(t.getAttribute('y')) - 4])")
    data = e.data()
    (a, ya), (b, yb) = ticks[0], ticks[-1]
    found = e.run("parts('.mark circle, .mark rect, .mark polygon').filter(m => m.tagName === 'circle' && !m.hasAttribute('stroke-dasharray')).map(m => [Number(m.parentNode.dataset.cell), Number(m.getAttribute('cy'))])")
    check(len(ticks) > 2 and found, ticks)
    of = next(m for m in data["metrics"] if m["column"] == metric)
    for cell, y in found:
        check(abs(a + (y - ya) / (yb - ya) * (b - a) - of["scale"] * of["mean"][cell]) <= 0.004 * abs(b - a), (cell, y))


def check_widths(browser):
    for width in (390, 800, 1400):
        for dark in (False, True):
            e = Explorer(browser, "keys", width, dark=dark)
            check(e.labels() == ["Horizontal axis", "Vertical axis", "Lines", "placement", "learning rate"], e.labels())
            e.quiet()
            check(e.run("parts('.paper svg')[0].getBoundingClientRect().right <= innerWidth"), "the chart is too wide")
            check(e.run("parts('select, input, button').every(c => c.getBoundingClientRect().right <= innerWidth)"), "controls are too wide")
            e.click("part('.mark')")
            check(e.run("parts('.cell .paper svg').length") == 1, "no curves")
            e.quiet()
            e.shot("-dark" if dark else "")
    # the chart follows the window
    browser.size(390)
    browser.frame()
    check(e.run("parts('.paper svg').every(s => s.getBoundingClientRect().right <= innerWidth)"), "the chart is not drawn anew")


def check_choices(browser):
    e = Explorer(browser, "keys")
    check(len(e.cells()) == 3 * 2, e.cells())  # of a placement and a rate
    check_reading(e)
    check_places(e, "test_error")
    e.choose("learning rate", "1")
    check_reading(e)
    e.choose("Vertical axis", "test loss")
    check_reading(e, "test_loss", 1, "")
    e.choose("Horizontal axis", "learning rate")
    check(e.labels()[3:] == ["placement", "batch size"], e.labels())
    check_reading(e, "test_loss", 1, "")
    e.choose("Horizontal axis", "normalizer")  # which gave the lines before
    check(e.run("labelled('Lines').querySelector('select').selectedOptions[0].textContent") == "learning rate", e.labels())
    e.shot("-words")
    check_reading(e, "test_loss", 1, "")
    e.choose("Lines", "one colour for all")
    check(e.run("part('.lines').hidden") and len(e.labels()) == 6, e.labels())
    e.choose("Horizontal axis", "training loss")
    check(len(e.cells()) == 20, e.cells())  # all: where there is no normalizer there is no placement
    check(all(e.options(label)[0] == "all" for label in e.labels()[3:]), e.labels())
    e.shot("-metric")
    e.choose("batch size", "8")
    check(len(e.cells()) == 10, e.cells())
    e.quiet()


def check_lines(browser):
    e = Explorer(browser, "keys")
    hostile = "</script><script>alert(1)</script>"
    check(e.run("parts('.lines .check').map(l => l.textContent)") == ["BN", hostile, "no norm"], "methods by their labels")
    before = e.cells()
    e.click("labelled('BN')")
    check(len(e.cells()) == len(before) - 2 and any("Hidden: BN" in note for note in e.notes()), e.notes())
    e.click(f"labelled({hostile!r})")
    e.click("labelled('no norm')")
    check(not e.cells() and "All lines are hidden" in e.run("part('.empty').textContent"), "nothing is drawn without words")
    e.click("parts('.lines button').find(b => b.textContent === 'show all')")
    check(e.cells() == before, e.cells())
    e.click("parts('.lines button').find(b => b.textContent === 'hide all')")
    e.click("labelled('BN')")
    check(len(e.cells()) == 2, e.cells())
    e.click("labelled('logarithmic, vertical')")
    check_reading(e)
    e.quiet()


def check_cell(browser):
    """From a mark to its runs, which are the rows of trials.csv, and their curves."""
    e = Explorer(browser, "rates")
    data = e.data()
    for cell in e.cells():
        e.click(f"part('.mark[data-cell=\"{cell}\"] > *')")
        key = {k["key"]: k["values"][level] for k, level in zip(data["keys"], data["cells"][cell])}
        found = e.run("parts('.cell tbody tr').map(r => [...r.children].map(c => c.textContent))")
        trials = [r for r in rows("rates", "trials.csv") if all(r[name] == value for name, value in key.items())]
        check(len(found) == len(trials) == 3, found)
        for (seed, trial, ended, value), row in zip(found, trials):
            check(seed == row["train.seed"] and trial == row["trial"], (found, row))
            check(ended.startswith({"dead": "at chance"}.get(row["status"], row["status"])), (found, row))
            check((f"at step {row['failed_step']}" in ended) == bool(row["failed_step"]), (found, row))
            check(value == (number(100 * float(row["test_error"])) if row["test_error"] else "–"), (found, row))
    e.choose("Curves", "training loss")
    heads = e.run("[part('.cell h4, .cell h3').textContent, parts('.cell .seeds .check').length]")
    check(heads[0].startswith("Runs of") and heads[1] == 3, heads)
    box = e.run("middle(part('.cell .paper svg'))")
    e.run("part('.cell .paper svg').scrollIntoView({block: 'center'})")
    browser.move(*e.run("middle(part('.cell .paper svg'))"))
    browser.frame()
    read = e.run("part('.cell .read').textContent")
    check(re.match(r"At step \d+, training loss: seed 1 [\d.e+]+, seed 2 [\d.e+]+, seed 3 [\d.e+]+\.$", read), (read, box))
    step = re.match(r"At step (\d+)", read)[1]
    cell = e.run("Number(part('.mark[data-cell]').dataset.cell)")
    e.click("labelled('logarithmic, vertical')")
    e.shot("-cell")
    e.click("parts('.cell button').find(b => b.textContent === 'close')")
    check(e.run("parts('.cell > *').length") == 0, "it is closed")
    check(step.isdigit() and cell >= 0, step)
    e.quiet()


def check_keys(browser):
    """All of it without a pointer."""
    e = Explorer(browser, "batch")
    e.run("part('.controls select').focus()")
    for _ in range(12):
        browser.press("Tab")
        if e.run("document.activeElement.tagName") == "svg":
            break
    check(e.run("document.activeElement.tagName") == "svg", "the chart is reached by the tabulator")
    read = []
    for key in ("ArrowRight", "ArrowRight", "ArrowUp", "ArrowDown", "ArrowLeft"):
        browser.press(key)
        read.append(e.run("part('.read').textContent"))
    check(all(": test error " in text for text in read), read)
    check("batch size 8:" in read[0] and "batch size 32:" in read[1], read)  # along a line,
    check({text.split(",")[0] for text in read[1:4]} == {"BN", "no norm"} and all("batch size 32:" in text for text in read[1:4]), read)  # across them,
    check("batch size 8:" in read[4], read)  # and back
    browser.press("Enter")
    browser.frame()
    check(e.run("document.activeElement.textContent").startswith("Runs of "), "the runs have the focus")
    check(e.run("document.activeElement.textContent.slice(8)") == read[-1].split(":")[0], read)
    e.quiet()


def check_words(browser):
    """What failed, is missing, or is the same everywhere is said, and is a mark."""
    e = Explorer(browser, "rates")
    check(any(re.match(r"A cross marks cells with failed runs: \d of the 9 cells shown\. Runs that diverged count at chance, 90\u00a0%", n) for n in e.notes()), e.notes())
    e.choose("Vertical axis", "test loss")
    check(len(e.cells()) == 9 and any("Without a value, at the upper edge" in n and "3 of 3 runs failed" in n for n in e.notes()), e.notes())
    check_reading(e, "test_loss", 1, "")
    e.shot("-loss")
    e.quiet()
    e = Explorer(browser, "part")
    check(any(n.startswith("A dashed ring marks cells whose runs are not all there: ") and " missing)" in n for n in e.notes()), e.notes())
    check("missing" in e.point(e.cells()[0]), "a cell says what is missing of it")
    e.shot()
    e = Explorer(browser, "few")
    check(any("Not run yet, at the lower edge" in n for n in e.notes()), e.notes())
    check(len(e.cells()) == 6, e.cells())
    e.shot()
    e.quiet()
    e = Explorer(browser, "ghost")
    check(any(n.startswith("A dashed level marks cells") and n.endswith(" does not apply: LN.") for n in e.notes()), e.notes())
    check(len(e.cells()) == 4, e.cells())
    e.shot()
    e.quiet()


def check_policy(browser):
    """Another script, and one that is not to the byte the one that is allowed, does not run."""
    page = (folder / "batch-report/index.html").read_text()
    for name, text in (("added", page.replace("</main>", "<script>document.title = 'added'</script></main>")),
                       ("handler", page.replace("<h1>", "<h1><b id='hit' onclick=\"document.title = 'handler'\">x</b>")),
                       ("changed", page.replace('"use strict";', '"use strict"; '))):
        check(text != page, name)
        (folder / f"{name}-report").mkdir()
        (folder / f"{name}-report/index.html").write_text(text)
        shutil.copytree(folder / "batch", folder / name)
        e = Explorer(browser, name)
        if name == "handler":
            browser.run("document.getElementById('hit').click()")
        check(browser.run("document.title") != name, "a script ran that is not ours")
        check(e.run("parts('.mark').length > 0") == (name != "changed"), name)
        check(any("Content Security Policy" in said for said in browser.said), browser.said)


def check_without_script(browser):
    browser.open(folder / "batch-report/index.html", 390, script=False)
    check(not browser.said, browser.said)
    text = browser.call("DOM.getDocument", depth=-1)["root"]
    html = browser.call("DOM.getOuterHTML", nodeId=text["nodeId"])["outerHTML"]
    check("With JavaScript allowed, there is a chart here" in html and 'class="mark"' not in html and html.count("<svg") >= 2, "the page as it was")
    if shots:
        browser.picture(shots / "without-script-390.png")


def check_functions(browser):
    Explorer(browser, "batch")
    for low, high, log, most in ((0, 1, False, 5), (0.013, 97, True, 6), (-3, 12, False, 6), (1e-6, 1e4, True, 5), (4.1, 4.3, True, 5), (99.98, 100.02, False, 6), (7e-9, 8e-9, False, 5)):
        ticks = browser.run(f"ticksOf({low}, {high}, {str(log).lower()}, {most})")
        check(2 <= len(ticks) <= 2 * most + 1 and ticks == sorted(set(ticks)), ticks)
        check(all(low - 1e-9 * abs(low) <= tick <= high + 1e-9 * abs(high) for tick in ticks), ticks)
    for log in ("false", "true"):
        places = browser.run(f"(() => {{ const s = scaleOf(1, 100, {log}, 10, 110, 0); return [1, 10, 100].map(s.place) }})()")
        check(abs(places[0] - 10) < 1e-9 and abs(places[2] - 110) < 1e-9 and abs(places[1] - (60 if log == "true" else 10 + 100 * 9 / 99)) < 1e-9, places)
    # a coupled key is none of its own; one that a part of the cells has is one
    free = browser.run("freeKeys([[0,0,0],[1,1,0],[0,0,1],[1,1,1]], [2], 3)")
    check(free == [{"key": 0, "optional": False}], free)
    free = browser.run("freeKeys([[0,-1],[0,0],[1,-1],[1,0]], [0], 2)")
    check(free == [{"key": 1, "optional": True}], free)
    check(browser.run("cellsAt([[0,-1],[0,0],[1,-1],[1,1]], [{key: 1, optional: false}], [0, 0])") == [0, 1, 2], "a key that does not apply has any value")
    check(browser.run("cellsAt([[0,-1],[0,0]], [{key: 1, optional: true}], [0, 0])") == [1], "unless it may apply")
    # a grid that lacks the usual combination: another that it has is shown first
    settled = "settled([[0,0,0],[0,1,2],[1,1,1]], [{key: 1, optional: false}, {key: 2, optional: false}], [5, %d, %d])"
    check(browser.run(settled % (1, 2)) == [5, 1, 2] and browser.run(settled % (1, 0)) == [5, 0, 0] and browser.run(settled % (1, 7)) == [5, 1, 2], "settled")


with Browser() as browser:
    for part in (check_widths, check_choices, check_lines, check_cell, check_keys, check_words, check_policy, check_without_script, check_functions):
        part(browser)
print(f"100%: Checks: {checks}")
