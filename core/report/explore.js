//<![CDATA[
"use strict";
/* The explorer of a report: a chart of the means of all cells whose axes, lines and metric are chosen, and the runs and
 * curves of a cell that is clicked. It draws what explore.h describes and computes no statistics. Texts of the data
 * enter the page as text nodes alone. */

const SVG = "http://www.w3.org/2000/svg";
const NOWHERE = -1, ALL = "all"; /* a key does not apply; a key may have any value */
const DASHES = ["", "7 4", "2 3", "8 3 2 3", "8 3 2 3 2 3"];
/* More values than the pictures have styles for: Paul Tol's muted colours, and their marks. */
const MORE = ["#332288", "#cc6677", "#117733", "#aa4499", "#44aa99", "#882255", "#999933", "#88ccee", "#ddcc77"];
const MARKERS = [7, 9, 11, 13, 15, 5];
/* Colours of seeds: Okabe and Ito's without yellow, as in core/plot/chart.c. */
const SEEDS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#000000"];

/* ---- elements ---- */

function fill(element, attributes, children) {
    for (const [name, value] of Object.entries(attributes || {}))
        if (value !== null && value !== false)
            element.setAttribute(name, value === true ? "" : value);
    element.append(...children);
    return element;
}
const html = (name, attributes, ...children) => fill(document.createElement(name), attributes, children);
const shape = (name, attributes, ...children) => fill(document.createElementNS(SVG, name), attributes, children);

/* ---- numbers and words ---- */

const is = value => value !== null && value !== undefined && Number.isFinite(value);
/* Four digits. */
function number(value) {
    const rounded = Number(value.toPrecision(4)), size = Math.abs(rounded);
    return size >= 1e6 || (size > 0 && size < 1e-4) ? rounded.toExponential().replace("e+", "e") : String(rounded);
}
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
const agree = (n, one, more) => n === 1 ? one : more;
const shown = (metric, value) => number(value * metric.scale) + (metric.unit === "%" ? "\u00a0%" : "");
const titled = metric => metric.name + (metric.unit ? ` (${metric.unit})` : "");

/* The first few of a list, and how many more there are. */
function few(list) {
    const most = 6;
    return list.slice(0, most).join("; ") + (list.length > most ? `; and ${list.length - most} more` : "");
}

/* Round numbers from low to high, at most about `most` of them. */
function ticksOf(low, high, log, most) {
    const out = [];
    if (log) {
        const first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high));
        const every = Math.max(1, Math.ceil((last - first) / most));
        const parts = 3 * (last - first) <= most + 3 ? [1, 2, 5] : [1];
        for (let power = first; power <= last; power += every)
            for (const part of parts) {
                const at = Number(`${part}e${power}`);
                if (at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9))
                    out.push(at);
            }
        if (out.length > 2)
            return out;
        out.length = 0; /* within a decade: as on a linear axis */
    }
    const rough = (high - low) / Math.max(1, most), power = 10 ** Math.floor(Math.log10(rough));
    const step = [1, 2, 5, 10].map(part => part * power).find(at => at >= rough * (1 - 1e-9));
    for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++)
        out.push(i * step);
    return out;
}

/* A scale from [low, high] to pixels, with some room at both ends. */
function scaleOf(low, high, log, from, to, room) {
    const on = value => log ? Math.log(value) : value;
    let first = on(low), last = on(high);
    if (!(last > first)) {
        const half = log ? 0.5 : Math.abs(first) / 10 || 0.5;
        first -= half;
        last += half;
    }
    const more = room * (last - first), positive = !log && first >= 0;
    first = positive ? Math.max(0, first - more) : first - more;
    last += more;
    const back = value => log ? Math.exp(value) : value;
    return {
        low: back(first),
        high: back(last),
        log,
        place: value => from + (on(value) - first) / (last - first) * (to - from)
    };
}

/* Whether numbers span so much that they are looked at by their ratios. */
function spansRatios(values) {
    const least = Math.min(...values), greatest = Math.max(...values);
    return least > 0 && greatest / least >= 8;
}

/* ---- which cells are seen ---- */

/* The keys, beside those that are known, that tell cells apart: a key that the others determine is none. optional: it
 * applies to some cells and not to others that agree in the keys before it. */
function freeKeys(cells, known, keys) {
    const kept = known.filter(key => key >= 0), free = [];
    for (let key = 0; key < keys; key++) {
        if (kept.includes(key))
            continue;
        const seen = new Map();
        let determined = true, optional = false;
        for (const levels of cells) {
            const at = kept.map(k => levels[k]).join(), before = seen.get(at);
            if (before === undefined)
                seen.set(at, levels[key]);
            else if (before !== levels[key]) {
                determined = false;
                optional = optional || before === NOWHERE || levels[key] === NOWHERE;
            }
        }
        if (!determined) {
            free.push({key, optional});
            kept.push(key);
        }
    }
    return free;
}

/* The cells that have the values to which the free keys are fixed; where a key does not apply to a cell, any. */
function cellsAt(cells, free, fixed) {
    const out = [];
    cells.forEach((levels, cell) => {
        const fits = ({key, optional}) =>
            fixed[key] === ALL || levels[key] === fixed[key] || (levels[key] === NOWHERE && !optional);
        if (free.every(fits))
            out.push(cell);
    });
    return out;
}

/* The values of the free keys where a cell is seen at all: as they are, or else those of the cell that has most of them. */
function settled(cells, free, fixed) {
    if (cellsAt(cells, free, fixed).length)
        return fixed;
    const agreement = levels => free.filter(({key}) => levels[key] === fixed[key]).length;
    const best = cells.reduce((a, b) => agreement(b) > agreement(a) ? b : a);
    return fixed.map((value, key) => free.some(at => at.key === key) ? best[key] : value);
}

/* The keys whose values differ anywhere, which name a cell. */
const namingKeys = data =>
    data.keys.map((key, index) => index).filter(index => new Set(data.cells.map(levels => levels[index])).size > 1);

const valueName = (key, level) => key.kind ? key.labels[level] : `${key.title} ${key.labels[level]}`;

function cellName(data, cell, keys) {
    const levels = data.cells[cell];
    return keys.filter(key => levels[key] !== NOWHERE).map(key => valueName(data.keys[key], levels[key])).join(", ") ||
        "all runs";
}

/* What is known of a cell in a metric, as a sentence after its name. */
function cellText(data, cell, metric) {
    const mean = metric.mean[cell], n = metric.n[cell], failed = data.failed[cell], runs = data.trials[cell];
    const absent = data.planned[cell] - runs, lower = metric.lower[cell], upper = metric.upper[cell];
    const parts = [];
    if (is(mean)) {
        const interval = is(lower) && is(upper) ?
            `, ${data.interval} ${shown(metric, lower)} to ${shown(metric, upper)}` :
            ", without an interval";
        parts.push(`${metric.name} ${shown(metric, mean)}${interval}, of ${count(n, "run")}`);
    } else
        parts.push(`${metric.name}: no value`);
    if (failed > 0) {
        const done = metric.finished[cell];
        let text = `${failed} of ${count(runs, "run")} failed`;
        if (is(mean) && done && done[0] > 0 && done[0] < n)
            text += `; the mean of the ${done[0]} that ended above chance is ${shown(metric, done[1])}`;
        parts.push(text);
    }
    if (absent > 0)
        parts.push(`${absent} of ${count(data.planned[cell], "run")} ${agree(absent, "is", "are")} missing`);
    return parts.join("; ");
}

/* ---- charts ---- */

function drawMark(marker, x, y, size, attributes) {
    const r = size, d = size * 1.2;
    const corners = points => shape(
        "polygon",
        {points: points.map(([a, b]) => `${(x + a).toFixed(1)},${(y + b).toFixed(1)}`).join(" "), ...attributes});
    switch (marker) {
        case 4:
        case 5:
            return corners([[-r, -r], [r, -r], [r, r], [-r, r]]);
        case 9:
            return corners([[0, -d], [d, r], [-d, r]]);
        case 11:
            return corners([[0, d], [d, -r], [-d, -r]]);
        case 13:
            return corners([[0, -d], [d, 0], [0, d], [-d, 0]]);
        case 15:
            return corners([0, 1, 2, 3, 4].map(i => [d * Math.sin(i * 1.2566), -d * Math.cos(i * 1.2566)]));
        default:
            return shape("circle", {cx: x.toFixed(1), cy: y.toFixed(1), r, ...attributes});
    }
}

const READ = "Point at a mark, or go to it with the arrow keys, to read it; click it, or press Enter, to see its runs.";
const width = text => 6.6 * text.length; /* of a label, in pixels */

/* Axes, grid lines and their labels. ticks: [[place, text]]; turned: labels of x stand upright. */
function drawFrame(svg, box, x, y) {
    svg.append(shape("rect", {
        x: box.left,
        y: box.top,
        width: box.right - box.left,
        height: box.bottom - box.top,
        fill: "none",
        stroke: "#606060"
    }));
    for (const [at, text] of y.ticks) {
        svg.append(shape("line", {x1: box.left, x2: box.right, y1: at, y2: at, stroke: "#e2e2e2"}));
        svg.append(shape("text", {x: box.left - 6, y: at + 4, "text-anchor": "end"}, text));
    }
    let end = -Infinity;
    for (const [at, text] of x.ticks) {
        svg.append(shape("line", {x1: at, x2: at, y1: box.bottom, y2: box.bottom + 4, stroke: "#606060"}));
        if (x.turned) {
            svg.append(shape(
                "text", {
                    x: at + 4,
                    y: box.bottom + 14,
                    "text-anchor": "end",
                    transform: `rotate(-60 ${at + 4} ${box.bottom + 14})`
                },
                text));
        } else if (at - width(text) / 2 > end + 6) {
            svg.append(shape("text", {x: at, y: box.bottom + 22, "text-anchor": "middle"}, text));
            end = at + width(text) / 2;
        }
    }
    svg.append(shape(
        "text", {x: (box.left + box.right) / 2, y: box.height - 6, "text-anchor": "middle", "class": "title"},
        x.title));
    const middle = (box.top + box.bottom) / 2;
    svg.append(shape(
        "text", {x: 13, y: middle, "text-anchor": "middle", "class": "title", transform: `rotate(-90 13 ${middle})`},
        y.title));
}

/* The width of a picture in this box, without its padding. */
const widthOf = box => Math.max(260, Math.floor(box.clientWidth - 16));

/* The place of a pointer in the units of the picture. */
function pointerAt(svg, event) {
    const seen = svg.getBoundingClientRect(), view = svg.viewBox.baseVal;
    return [
        (event.clientX - seen.left) * view.width / seen.width, (event.clientY - seen.top) * view.height / seen.height
    ];
}

/* The values of y that are seen: of the means all, of the intervals as far as they do not press the means together. */
function spanOf(means, ends, log) {
    let low = Math.min(...means), high = Math.max(...means);
    const on = value => log ? Math.log(value) : value, back = value => log ? Math.exp(value) : value;
    const room = Math.max(3 * (on(high) - on(low)), log ? 0.25 : Math.abs(high) / 4);
    const least = back(on(low) - room), greatest = back(on(high) + room);
    let cut = 0;
    for (const end of ends) {
        if (log && end <= 0 || end < least || end > greatest)
            cut++;
        if (end > 0 || !log) {
            low = Math.min(low, Math.max(end, least));
            high = Math.max(high, Math.min(end, greatest));
        }
    }
    return {low, high, cut};
}

function option(value, text, chosen) { return html("option", {value, selected: value === String(chosen)}, text); }

/* A labelled select; choose is called with its value. */
function chooser(label, options, chosen, choose) {
    const select = html("select", {}, ...options.map(([value, text]) => option(String(value), text, chosen)));
    select.addEventListener("change", () => choose(select.value));
    return html("label", {}, html("span", {}, label), select);
}

function checker(label, checked, disabled, choose) {
    const box = html("input", {type: "checkbox", checked, disabled});
    box.addEventListener("change", () => choose(box.checked));
    return html("label", {"class": "check"}, box, ...[].concat(label));
}

/* ---- one explorer ---- */

function explore(host, data) {
    const level = Number(host.dataset.level), id = host.previousElementSibling.id;
    const naming = namingKeys(data), nameOf = cell => cellName(data, cell, naming);
    const several = data.keys.map((key, index) => index).filter(index => data.keys[index].labels.length > 1);
    const state = {
        x: data.x >= 0 ? {key: data.x} : {metric: 0},
        y: 0,
        lines: data.lines,
        fixed: data.keys.map(key => key.usual),
        hidden: new Set(),
        logX: null, /* null: as the values ask for; bars likewise */
        logY: false,
        bars: null,
        current: null, /* the mark that is read */
        cell: null,
        curve: 0,
        logCurve: false
    };
    const parts = {
        controls: html("div", {"class": "controls"}),
        lines: html("fieldset", {"class": "lines"}),
        chart: html("div", {"class": "paper"}),
        read: html("p", {"class": "read", role: "status"}),
        notes: html("ul", {"class": "notes"}),
        cell: html("section", {"class": "cell"})
    };
    let marks = [], room = 0; /* the width of the charts */

    const keyOfX = () => "key" in state.x ? data.keys[state.x.key] : null;
    const known = () => "key" in state.x ? [state.x.key, state.lines] : [state.lines];
    const free = () => freeKeys(data.cells, known(), data.keys.length);

    /* The styles of the values of the key of the lines: those of the pictures, and others where these are used up. */
    function styleOf(line) {
        if (line < 0)
            return {colour: "#404040", marker: 7, dash: ""};
        const styles = data.keys[state.lines].styles, taken = styles.map(String);
        const used = styles.filter((style, index) => index <= line && taken.indexOf(taken[index]) < index).length;
        const [colour, marker, dash] = styles[line];
        if (taken.indexOf(taken[line]) === line)
            return {colour, marker, dash: DASHES[dash - 1]};
        return {
            colour: MORE[(used - 1) % MORE.length],
            marker: MARKERS[(used - 1) % MARKERS.length],
            dash: DASHES[(1 + Math.floor((used - 1) / MORE.length)) % DASHES.length]
        };
    }
    const lineOf = cell => state.lines >= 0 ? data.cells[cell][state.lines] : NOWHERE;
    const lineName = line => state.lines < 0 ? "all" :
        line < 0                             ? `no ${data.keys[state.lines].title}` :
                                               data.keys[state.lines].labels[line];

    function change(part) {
        Object.assign(state, part, {current: null});
        drawControls();
        drawChart();
        drawCell();
    }

    /* Other axes or lines, and with them other free keys, whose values must be some that their selects have. */
    function changeAxes(part) {
        Object.assign(state, part);
        for (const {key, optional} of free())
            if (state.fixed[key] === ALL ? "key" in state.x : state.fixed[key] === NOWHERE && !optional)
                state.fixed[key] = data.keys[key].usual;
        change({fixed: settled(data.cells, free(), state.fixed)});
    }

    function chooseX(value) {
        const index = Number(value.slice(1));
        if (value[0] === "m") {
            for (const {key} of freeKeys(data.cells, [state.lines], data.keys.length))
                state.fixed[key] = ALL;
            changeAxes({x: {metric: index}, logX: null});
            return;
        }
        const others = several.filter(key => key !== index);
        const before = "key" in state.x && others.includes(state.x.key) ? state.x.key : others.length ? others[0] : -1;
        changeAxes({
            x: {key: index},
            logX: null,
            lines: state.lines === index ? before : state.lines,
            hidden: state.lines === index ? new Set() : state.hidden
        });
    }

    function drawControls() {
        const focus = parts.controls.contains(document.activeElement) ?
            [...parts.controls.querySelectorAll("select, input")].indexOf(document.activeElement) :
            -1;
        const metrics = data.metrics.map((metric, index) => [index, titled(metric)]);
        const xs =
            several.map(key => [`k${key}`, data.keys[key].title]).concat(metrics.map(([index,
                                                                                       text]) => [`m${index}`, text]));
        const x = "key" in state.x ? `k${state.x.key}` : `m${state.x.metric}`;
        const lines = several.filter(key => key !== state.x.key).map(key => [key, data.keys[key].title]);
        const out = [
            chooser("Horizontal axis", xs, x, chooseX),
            chooser("Vertical axis", metrics, state.y, value => change({y: Number(value)}))
        ];
        if (lines.length)
            out.push(chooser("Lines", lines.concat([[-1, "one colour for all"]]), state.lines, value => {
                if ("metric" in state.x && state.lines >= 0)
                    state.fixed[state.lines] = ALL;
                changeAxes({lines: Number(value), hidden: new Set()});
            }));
        for (const {key, optional} of free()) {
            const at = data.keys[key], options = at.labels.map((label, index) => [index, label]);
            if (optional)
                options.push([NOWHERE, "does not apply"]);
            if ("metric" in state.x)
                options.unshift([ALL, "all"]);
            out.push(chooser(at.title, options, state.fixed[key], value => {
                state.fixed[key] = value === ALL ? ALL : Number(value);
                change({});
            }));
        }
        const checks = html(
            "div", {"class": "checks"},
            checker("logarithmic, horizontal", logX(), !canLogX(), on => change({logX: on})),
            checker("logarithmic, vertical", state.logY, false, on => change({logY: on})),
            checker("intervals", bars(), false, on => change({bars: on})));
        parts.controls.replaceChildren(...out, checks);
        if (focus >= 0) {
            const all = parts.controls.querySelectorAll("select, input");
            all[Math.min(focus, all.length - 1)].focus();
        }
        drawLines();
    }

    /* Intervals of many marks would cover all of them. */
    const bars = () => state.bars === null ? seen().length <= 100 : state.bars;
    const seen = () => cellsAt(data.cells, free(), state.fixed).filter(cell => !state.hidden.has(lineOf(cell)));

    /* All values that the horizontal axis may show; none of words. */
    const valuesOfX = () => keyOfX() ? keyOfX().at || [] : data.metrics[state.x.metric].mean.filter(is);
    const canLogX = () => {
        const values = valuesOfX();
        return values.length > 1 && values.every(value => value > 0);
    };
    const logX = () => canLogX() && (state.logX === null ? keyOfX() !== null && spansRatios(valuesOfX()) : state.logX);

    function swatch(style) {
        const svg = shape("svg", {width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true"});
        svg.append(
            shape(
                "line",
                {x1: 1, x2: 29, y1: 7, y2: 7, stroke: style.colour, "stroke-width": 2, "stroke-dasharray": style.dash}),
            drawMark(style.marker, 15, 7, 4, {fill: style.colour}));
        return svg;
    }

    function drawLines() {
        const there = [...new Set(cellsAt(data.cells, free(), state.fixed).map(lineOf))].sort((a, b) => a - b);
        const focus = parts.lines.contains(document.activeElement) ? document.activeElement.value : null;
        if (state.lines < 0 || there.length < 2) {
            parts.lines.replaceChildren();
            parts.lines.hidden = true;
            return;
        }
        parts.lines.hidden = false;
        const out = [html("legend", {}, data.keys[state.lines].title)];
        for (const line of there) {
            const box = checker([swatch(styleOf(line)), lineName(line)], !state.hidden.has(line), false, on => {
                state.hidden[on ? "delete" : "add"](line);
                change({});
            });
            box.firstChild.value = String(line);
            out.push(box);
        }
        const button = (text, hidden) => {
            const at = html("button", {type: "button", value: text}, text);
            at.addEventListener("click", () => change({hidden: new Set(hidden)}));
            return at;
        };
        out.push(html("span", {"class": "both"}, button("show all", []), button("hide all", there)));
        parts.lines.replaceChildren(...out);
        if (focus !== null) {
            const again = [...parts.lines.querySelectorAll("input, button")].find(at => at.value === focus);
            if (again)
                again.focus();
        }
    }

    /* ---- the chart of means ---- */

    /* What is to be drawn: a mark for each cell that is seen; without a value it stands at an edge. */
    function marksOf(cells, metric) {
        const key = keyOfX(), out = [], zeros = [];
        for (const cell of cells) {
            const levels = data.cells[cell], mean = metric.mean[cell];
            const x = key ? (levels[state.x.key] === NOWHERE ? null :
                                 key.at                      ? key.at[levels[state.x.key]] :
                                                               levels[state.x.key]) :
                            data.metrics[state.x.metric].mean[cell];
            const level = key !== null && x === null;
            const mark = {
                cell,
                line: lineOf(cell),
                x,
                mean,
                lower: metric.lower[cell],
                upper: metric.upper[cell],
                level,
                failed: data.failed[cell],
                absent: data.planned[cell] - data.trials[cell]
            };
            if (is(mean) && state.logY && !(mean > 0))
                zeros.push(mark);
            else if (!key && !is(x))
                mark.nowhere = true;
            else if (!is(mean))
                mark.edge = data.trials[cell] === 0 ? "below" : "above";
            if (!zeros.includes(mark))
                out.push(mark);
        }
        return {out, zeros};
    }

    const hasInterval = mark => is(mark.mean) && is(mark.lower) && is(mark.upper);
    const axisTitle = () => keyOfX() ? keyOfX().title : titled(data.metrics[state.x.metric]);

    /* The horizontal axis between two places: numbers where they belong, or words side by side. */
    function fitX(out, left, right) {
        const key = keyOfX();
        if (key && !key.at) {
            const x = scaleOf(-0.5, key.labels.length - 0.5, false, left, right, 0);
            return {...x, ticks: key.labels.map((label, index) => [x.place(index), label])};
        }
        const values = out.map(mark => mark.x).filter(is), log = logX() && values.every(value => value > 0);
        const x = values.length ? scaleOf(Math.min(...values), Math.max(...values), log, left, right, 0.06) :
                                  scaleOf(0, 1, false, left, right, 0);
        if (key) {
            const levels = key.at.map((at, index) => index).filter(index => values.includes(key.at[index]));
            levels.sort((a, b) => key.at[a] - key.at[b]);
            return {...x, ticks: levels.map(index => [x.place(key.at[index]), key.labels[index]])};
        }
        const scale = data.metrics[state.x.metric].scale,
              ticks = ticksOf(x.low * scale, x.high * scale, log, room / 80);
        return {...x, ticks: ticks.map(at => [x.place(at / scale), number(at)])};
    }

    /* Both axes, with their ticks, and the box between them. cut: ends of intervals that it does not reach. */
    function fit(out, valued, metric) {
        const ends = bars() ? valued.filter(hasInterval).flatMap(mark => [mark.lower, mark.upper]) : [];
        const {low, high, cut} =
            valued.length ? spanOf(valued.map(mark => mark.mean), ends, state.logY) : {low: 0, high: 1, cut: 0};
        const values = scaleOf(low, high, state.logY, 0, 1, 0.06);
        const ticks =
            valued.length ? ticksOf(values.low * metric.scale, values.high * metric.scale, state.logY, 6) : [];
        const box = {
            left: 30 + Math.max(0, ...ticks.map(at => width(number(at)))),
            right: room - 14,
            top: 12,
            bottom: Math.max(236, Math.min(396, Math.floor(0.62 * room - 48)))
        };
        const labels = keyOfX() && !keyOfX().at ? keyOfX().labels : [], slot = (box.right - box.left) / labels.length;
        const turned = labels.some(label => width(label) > slot - 4);
        if (turned)
            box.left = Math.max(box.left, ...labels.map((label, index) => width(label) / 2 - slot * (index + 0.5)));
        box.height = box.bottom + (turned ? 34 + 0.87 * Math.max(...labels.map(width)) : 48);
        const y = scaleOf(low, high, state.logY, box.bottom, box.top, 0.06);
        return {
            box,
            x: {...fitX(out, box.left, box.right), turned},
            y: {...y, ticks: ticks.map(at => [y.place(at / metric.scale), number(at)])},
            cut
        };
    }

    function drawChart() {
        const metric = data.metrics[state.y], cells = seen();
        const {out, zeros} = marksOf(cells, metric), valued = out.filter(mark => is(mark.mean) && !mark.nowhere);
        marks = [];
        parts.read.textContent = "";
        room = widthOf(parts.chart);
        if (!cells.length) {
            parts.chart.replaceChildren(html(
                "p", {"class": "empty"},
                state.hidden.size ? "All lines are hidden, or no cell of the grid has these values." :
                                    "No cell of the grid has these values."));
            say([]);
            return;
        }
        const {box, x, y, cut} = fit(out, valued, metric), title = axisTitle();
        const svg = shape("svg", {
            viewBox: `0 0 ${room} ${box.height}`,
            width: room,
            height: box.height,
            tabindex: 0,
            role: "application",
            "aria-label": `Chart. Horizontal axis: ${title}. Vertical axis: ${
                titled(metric)}. The arrow keys go from mark to mark, Enter shows the runs of a mark.`
        });
        drawFrame(svg, box, {...x, title}, {...y, title: titled(metric)});
        const clip = `${id}-clip`;
        svg.append(shape(
            "defs", {},
            shape(
                "clipPath", {id: clip},
                shape("rect", {x: box.left, y: box.top, width: box.right - box.left, height: box.bottom - box.top}))));
        const inside = shape("g", {"clip-path": `url(#${clip})`}), over = shape("g", {});
        svg.append(inside, over);
        const lines = [...new Set(out.map(mark => mark.line))].sort((a, b) => a - b);
        lines.forEach(
            (line, index) => drawLine(
                inside.appendChild(shape("g", {"data-line": line})), over.appendChild(shape("g", {"data-line": line})),
                out.filter(mark => mark.line === line && !mark.nowhere), styleOf(line), x, y, box,
                keyOfX() ? (index - (lines.length - 1) / 2) * Math.min(4, 0.4 * slotOf(x.ticks) / lines.length) : 0));
        if (!valued.length)
            over.append(shape(
                "text", {x: (box.left + box.right) / 2, y: (box.top + box.bottom) / 2, "text-anchor": "middle"},
                `No cell shown has a ${metric.name}.`));
        over.append(shape(
            "circle",
            {"class": "here", r: 9, fill: "none", stroke: "#1b1f24", "stroke-width": 2, visibility: "hidden"}));
        listen(svg);
        parts.chart.replaceChildren(svg);
        say(sentences(out, zeros, cut, metric));
        readCurrent();
    }

    /* The least distance between ticks. */
    const slotOf = ticks => Math.min(room, ...ticks.slice(1).map((tick, index) => tick[0] - ticks[index][0]));

    function drawLine(inside, over, of, style, x, y, box, shift) {
        const stroke = {stroke: style.colour, fill: "none"},
              there = of.filter(mark => !mark.level).sort((a, b) => a.x - b.x);
        const key = keyOfX(), joined = key && key.at, drawn = bars();
        let points = [];
        const end = () => {
            if (points.length > 1)
                inside.append(shape(
                    "polyline",
                    {points: points.join(" "), "stroke-width": 2, "stroke-dasharray": style.dash, ...stroke}));
            points = [];
        };
        for (const mark of there) {
            const px = x.place(mark.x) + shift;
            if (mark.edge) {
                end(); /* a gap, not a line across it */
                place(over, mark, px, mark.edge === "above" ? box.top : box.bottom, style);
                continue;
            }
            const py = y.place(mark.mean);
            if (drawn && hasInterval(mark)) {
                const low = state.logY && !(mark.lower > 0) ? box.bottom + 9 : y.place(mark.lower),
                      high = y.place(mark.upper);
                inside.append(shape("path", {
                    d: `M${px - 3},${low}h6M${px},${low}V${high}M${px - 3},${high}h6`,
                    "stroke-width": 1.2,
                    "stroke-opacity": 0.7,
                    ...stroke
                }));
            }
            if (joined)
                points.push(`${px.toFixed(1)},${py.toFixed(1)}`);
            place(over, mark, px, py, style);
        }
        end();
        for (const mark of of .filter(at => at.level)) { /* the key of x does not apply: the same everywhere */
            const py = mark.edge ? (mark.edge === "above" ? box.top : box.bottom) : y.place(mark.mean);
            if (!mark.edge)
                inside.append(shape("line", {
                    x1: box.left,
                    x2: box.right,
                    y1: py,
                    y2: py,
                    "stroke-width": 1.6,
                    "stroke-dasharray": "10 5",
                    ...stroke
                }));
            place(over, mark, box.right - 10, py, style);
        }
    }

    /* A mark is solid; with a cross where runs failed, in a dashed ring where runs are missing. */
    function place(over, mark, px, py, style) {
        const group = shape("g", {"class": "mark", "data-cell": mark.cell});
        const paper = {stroke: "#ffffff", "stroke-width": 1};
        if (mark.edge !== "below")
            group.append(drawMark(style.marker, px, py, 4.5, {
                fill: mark.edge ? "#ffffff" : style.colour,
                ...(mark.edge ? {stroke: style.colour, "stroke-width": 1.5} : paper)
            }));
        if (mark.failed > 0)
            group.append(shape("path", {
                d: `M${px - 6},${py - 6}l12,12m0,-12l-12,12`,
                stroke: mark.edge ? style.colour : "#1b1f24",
                "stroke-width": 1.6,
                fill: "none"
            }));
        if (mark.absent > 0)
            group.append(shape("circle", {
                cx: px,
                cy: py,
                r: 8,
                fill: "none",
                stroke: style.colour,
                "stroke-width": 1.6,
                "stroke-dasharray": "3 2.5"
            }));
        over.append(group);
        mark.px = px;
        mark.py = py;
        marks.push(mark);
    }

    /* What the picture does not say by itself. */
    function sentences(out, zeros, cut, metric) {
        const fixed = free()
                          .filter(at => state.fixed[at.key] !== ALL && !at.optional)
                          .map(at => at.key); /* which the selects say */
        const short = naming.filter(index => !fixed.includes(index));
        const list = [], name = mark => cellName(data, mark.cell, short), key = keyOfX();
        const failed = out.filter(mark => mark.failed > 0),
              absent = out.filter(mark => mark.absent > 0 && data.trials[mark.cell] > 0);
        const nothing = out.filter(mark => data.trials[mark.cell] === 0),
              above = out.filter(mark => mark.edge === "above");
        if (nothing.length)
            list.push(`Not run yet, at the lower edge: ${few(nothing.map(name))}.`);
        if (absent.length)
            list.push(`A dashed ring marks cells whose runs are not all there: ${
                few(absent.map(mark => `${name(mark)} (${mark.absent} of ${data.planned[mark.cell]} missing)`))}.`);
        if (above.length)
            list.push(`Without a value, at the upper edge: ${
                few(above.map(
                    mark => `${name(mark)} (${mark.failed} of ${count(data.trials[mark.cell], "run")} failed)`))}.`);
        if (failed.length)
            list.push(
                `A cross marks cells with failed runs: ${failed.length} of the ${count(out.length, "cell")} shown. ` +
                (is(metric.chance) ?
                     `Runs that diverged count at chance, ${shown(metric, metric.chance)}, in the mean.` :
                     `Runs that diverged have no ${metric.name}, and are in no mean.`));
        if (zeros.length)
            list.push(`Not above 0, which a logarithmic axis cannot show: ${few(zeros.map(name))}.`);
        const nowhere = out.filter(mark => mark.nowhere);
        if (nowhere.length)
            list.push(`Not drawn, for want of a horizontal value: ${few(nowhere.map(name))}.`);
        const level = out.filter(mark => mark.level);
        if (level.length)
            list.push(`A dashed level marks cells to which ${key.title}, the horizontal axis, does not apply: ${
                few(level.map(name))}.`);
        if (state.hidden.size)
            list.push(`Hidden: ${few([...state.hidden].map(lineName))}.`);
        const also = naming.filter(index => !known().includes(index) && !free().some(at => at.key === index));
        if (also.length)
            list.push(`${also.map(index => data.keys[index].title).join(" and ")} ${
                agree(also.length, "changes", "change")} along with the other keys.`);
        const intervals = !bars() ? "intervals are said where a mark is read" :
            out.some(hasInterval) ? `bars are ${data.interval}s` :
                                    "there are no intervals";
        list.push(
            `Marks are means over the runs of a cell; ${intervals}.` +
            (cut ? ` ${count(cut, "end")} of bars ${agree(cut, "lies", "lie")} beyond the axis.` : ""));
        return list;
    }

    function say(list) { parts.notes.replaceChildren(...list.concat(data.notes).map(text => html("li", {}, text))); }

    /* ---- reading and choosing a mark ---- */

    const readText = mark => `${nameOf(mark.cell)}: ${cellText(data, mark.cell, data.metrics[state.y])}` +
        ("metric" in state.x && state.x.metric !== state.y ?
             `; ${cellText(data, mark.cell, data.metrics[state.x.metric])}` :
             "") +
        ".";

    function readCurrent() {
        const ring = parts.chart.querySelector(".here"), mark = marks.find(at => at.cell === state.current);
        if (!ring)
            return;
        ring.setAttribute("visibility", mark ? "visible" : "hidden");
        if (mark) {
            ring.setAttribute("cx", mark.px);
            ring.setAttribute("cy", mark.py);
        }
        parts.read.textContent = mark ? readText(mark) : READ;
        for (const group of parts.chart.querySelectorAll("[data-line]"))
            group.setAttribute("opacity", !mark || Number(group.dataset.line) === mark.line ? 1 : 0.3);
    }

    function nearest(at, reach) {
        let best = null, least = reach;
        for (const mark of marks) {
            const distance = Math.hypot(mark.px - at[0], mark.py - at[1]);
            if (distance <= least)
                [best, least] = [mark, distance];
        }
        return best;
    }

    /* The next mark in a direction: along x the next of the line, along y the next line at the place. */
    function neighbour(mark, key) {
        const step = key === "ArrowRight" || key === "ArrowUp" ? 1 : -1,
              sideways = key === "ArrowLeft" || key === "ArrowRight";
        const joined = "key" in state.x;
        const others = marks.filter(
            at => at !== mark && (!joined || (sideways ? at.line === mark.line : Math.abs(at.px - mark.px) < 16)));
        const along = at => sideways ? at.px - mark.px : mark.py - at.py;
        return others.filter(at => along(at) * step > 0 || along(at) === 0 && (at.cell - mark.cell) * step > 0)
                   .sort((a, b) => Math.abs(along(a)) - Math.abs(along(b)) || (a.cell - b.cell) * step)[0] ||
            mark;
    }

    function listen(svg) {
        svg.addEventListener("pointermove", event => {
            const mark = nearest(pointerAt(svg, event), 30), cell = mark ? mark.cell : null;
            if (cell !== state.current) {
                state.current = cell;
                readCurrent();
            }
        });
        svg.addEventListener("click", event => {
            const mark = nearest(pointerAt(svg, event), 30);
            if (!mark)
                return;
            state.current = mark.cell;
            readCurrent();
            open(mark.cell, false);
        });
        svg.addEventListener("keydown", event => {
            const mark = marks.find(at => at.cell === state.current);
            if (/^Arrow/.test(event.key) && marks.length) {
                event.preventDefault();
                state.current = (mark ? neighbour(mark, event.key) : marks[0]).cell;
                readCurrent();
            } else if ((event.key === "Enter" || event.key === " ") && mark) {
                event.preventDefault();
                open(mark.cell, true);
            }
        });
    }

    /* ---- the runs of a cell ---- */

    function open(cell, focus) {
        state.cell = cell;
        drawCell();
        const heading = parts.cell.firstChild;
        if (focus)
            heading.focus();
        parts.cell.scrollIntoView({block: "nearest"});
    }

    const runAt = (cell, seed) => cell * data.seeds.length + seed;

    /* "diverged at step 12" */
    function endOf(cell, seed) {
        const at = runAt(cell, seed), step = data.failed_at[at];
        return data.outcomes[data.ended[at]] + (is(step) ? ` at step ${step}` : "");
    }

    function runsTable(cell) {
        const metric = data.metrics[state.y], body = html("tbody", {});
        const has = data.seeds.map((seed, index) => index).filter(seed => data.ended[runAt(cell, seed)] >= 0);
        for (const seed of has) {
            const value = metric.values ? metric.values[runAt(cell, seed)] : null;
            const row = html(
                "tr", {}, html("th", {scope: "row"}, data.seeds[seed]),
                html("td", {"class": "number"}, String(data.trial[runAt(cell, seed)])),
                html("td", {}, endOf(cell, seed)));
            if (metric.values)
                row.append(html("td", {"class": "number"}, is(value) ? number(value * metric.scale) : "–"));
            body.append(row);
        }
        const head = html(
            "tr", {}, html("th", {scope: "col"}, "seed"), html("th", {scope: "col", "class": "number"}, "trial"),
            html("th", {scope: "col"}, "ended"));
        if (metric.values)
            head.append(html("th", {scope: "col", "class": "number"}, titled(metric)));
        return has.length ? html("div", {"class": "wide"}, html("table", {}, html("thead", {}, head), body)) :
                            html("p", {}, "No run of it is there.");
    }

    function drawCell() {
        const cell = state.cell;
        if (cell === null) {
            parts.cell.replaceChildren();
            return;
        }
        const heading = html(`h${Math.min(6, level + 1)}`, {tabindex: -1}, `Runs of ${nameOf(cell)}`);
        const close = html("button", {type: "button"}, "close");
        close.addEventListener("click", () => {
            state.cell = null;
            drawCell();
            const svg = parts.chart.querySelector("svg");
            if (svg)
                svg.focus();
        });
        const text = cellText(data, cell, data.metrics[state.y]);
        parts.cell.replaceChildren(
            heading, html("p", {}, `${text[0].toUpperCase()}${text.slice(1)}.`), runsTable(cell), ...curvesOf(cell),
            close);
    }

    function curvesOf(cell) {
        const all = data.lines_of[cell] || [];
        if (!data.curves.length)
            return [];
        if (!all.length)
            return [html("p", {}, "There are no curves of its runs here.")];
        const choices = data.curves.map((curve, index) => [index, titled(curve)])
                            .filter(([index]) => all.some(line => line[1] === index));
        if (!choices.some(([index]) => index === state.curve))
            state.curve = choices[0][0];
        const paper = html("div", {"class": "paper"}), read = html("p", {"class": "read", role: "status"});
        const controls =
            html("div", {"class": "controls"}, chooser("Curves", choices, state.curve, value => {
                     state.curve = Number(value);
                     drawCell();
                     refocus(".cell select");
                 }), html("div", {"class": "checks"}, checker("logarithmic, vertical", state.logCurve, false, on => {
                              state.logCurve = on;
                              drawCell();
                              refocus(".cell input");
                          })));
        const lines = all.filter(line => line[1] === state.curve);
        drawCurves(paper, read, cell, lines, data.curves[state.curve]);
        const legend =
            lines.map(([seed]) => html("span", {"class": "check"}, seedSwatch(seed), `seed ${data.seeds[seed]}`));
        return [controls, html("div", {"class": "seeds"}, ...legend), paper, read];
    }

    function refocus(selector) {
        const at = host.querySelector(selector);
        if (at)
            at.focus();
    }

    const seedStyle = seed => ({
        stroke: SEEDS[seed % SEEDS.length],
        "stroke-dasharray": DASHES[Math.floor(seed / SEEDS.length) % DASHES.length]
    });

    const seedSwatch = seed => shape(
        "svg", {width: 30, height: 14, viewBox: "0 0 30 14", "aria-hidden": "true"},
        shape("line", {x1: 1, x2: 29, y1: 7, y2: 7, "stroke-width": 2, ...seedStyle(seed)}));

    function drawCurves(paper, read, cell, lines, curve) {
        const height = Math.max(240, Math.min(360, Math.floor(0.5 * room))), log = state.logCurve;
        const good = value => is(value) && (!log || value > 0);
        const values = lines.flatMap(line => line.slice(3).flat().filter(good)),
              steps = lines.flatMap(line => data.steps[line[2]]);
        if (!values.length) {
            paper.replaceChildren(html("p", {"class": "empty"}, "No value of its curves can be drawn on this axis."));
            return;
        }
        const least = values.reduce((a, b) => Math.min(a, b)), greatest = values.reduce((a, b) => Math.max(a, b));
        const yValues = scaleOf(least, greatest, log, 0, 1, 0.04),
              yTicks = ticksOf(yValues.low * curve.scale, yValues.high * curve.scale, log, 5);
        const box = {
            left: 30 + Math.max(...yTicks.map(at => width(number(at)))),
            right: room - 14,
            top: 12,
            bottom: height - 48,
            height
        };
        const y = scaleOf(least, greatest, log, box.bottom, box.top, 0.04);
        const x = scaleOf(0, steps.reduce((a, b) => Math.max(a, b), 1), false, box.left, box.right, 0);
        const svg = shape("svg", {
            viewBox: `0 0 ${room} ${height}`,
            width: room,
            height,
            tabindex: 0,
            role: "application",
            "aria-label": `Curves of ${nameOf(cell)}. Horizontal axis: step. Vertical axis: ${
                titled(curve)}. The arrow keys go from step to step.`
        });
        drawFrame(
            svg, box,
            {ticks: ticksOf(x.low, x.high, false, room / 90).map(at => [x.place(at), number(at)]), title: "step"},
            {ticks: yTicks.map(at => [y.place(at / curve.scale), number(at)]), title: titled(curve)});
        lines.forEach(
            line => drawRun(
                svg, line, x, y,
                good, is(data.failed_at[runAt(cell, line[0])]) || data.ended[runAt(cell, line[0])] > 0));
        const rule = svg.appendChild(shape(
            "line", {y1: box.top, y2: box.bottom, stroke: "#1b1f24", "stroke-dasharray": "2 2", visibility: "hidden"}));
        const places = [...new Set(steps)].sort((a, b) => a - b);
        let at = -1;
        const show = index => {
            at = Math.max(0, Math.min(places.length - 1, index));
            rule.setAttribute("x1", x.place(places[at]));
            rule.setAttribute("x2", x.place(places[at]));
            rule.setAttribute("visibility", "visible");
            read.textContent = stepText(lines, places[at], curve);
        };
        svg.addEventListener("pointermove", event => {
            const step = (pointerAt(svg, event)[0] - box.left) / (box.right - box.left) * x.high;
            show(places.reduce(
                (best, place, index) => Math.abs(place - step) < Math.abs(places[best] - step) ? index : best, 0));
        });
        svg.addEventListener("keydown", event => {
            if (event.key !== "ArrowLeft" && event.key !== "ArrowRight")
                return;
            event.preventDefault();
            show(at + (event.key === "ArrowRight" ? 1 : -1));
        });
        paper.replaceChildren(svg);
        const bad = lines.filter(line => line.slice(3).flat().some(value => !good(value)))
                        .map(line => `seed ${data.seeds[line[0]]}`);
        read.textContent = bad.length ?
            `A line has a gap where a value is no number${log ? ", or not above 0" : ""}: ${few(bad)}.` :
            "";
    }

    /* A run that failed ends in a cross. */
    function drawRun(svg, [seed, , steps, low, high], x, y, good, failed) {
        const at = data.steps[steps], style = seedStyle(seed);
        let points = [], last = null;
        const end = () => {
            if (points.length === 1)
                svg.append(shape("circle", {cx: points[0][0], cy: points[0][1], r: 3, fill: style.stroke}));
            if (points.length > 1)
                svg.append(shape("polyline", {
                    points: points.map(([a, b]) => `${a.toFixed(1)},${b.toFixed(1)}`).join(" "),
                    fill: "none",
                    "stroke-width": 1.6,
                    "stroke-linejoin": "round",
                    ...style
                }));
            points = [];
        };
        low.forEach((value, index) => {
            const both = high ? (index % 2 ? [high[index], value] : [value, high[index]]) : [value];
            if (!both.every(good))
                end();
            else
                for (const one of both)
                    points.push(last = [x.place(at[index]), y.place(one)]);
        });
        end();
        if (failed && last)
            svg.append(shape("path", {
                d: `M${last[0] - 5},${last[1] - 5}l10,10m0,-10l-10,10`,
                stroke: style.stroke,
                "stroke-width": 2,
                fill: "none"
            }));
    }

    function stepText(lines, step, curve) {
        const parts = lines
                          .map(([seed, , steps, low, high]) => {
                              const index = data.steps[steps].indexOf(step);
                              if (index < 0)
                                  return null;
                              if (!is(low[index]))
                                  return `seed ${data.seeds[seed]} no number`;
                              return `seed ${data.seeds[seed]} ${number(low[index] * curve.scale)}${
                                  high ? ` to ${number(high[index] * curve.scale)}` : ""}`;
                          })
                          .filter(text => text !== null);
        const since = lines.some(line => line[4]) ? "In the evaluations up to step" : "At step";
        return `${since} ${step}, ${titled(curve)}: ${parts.join(", ")}.`;
    }

    host.append(parts.controls, parts.lines, parts.chart, parts.read, parts.notes, parts.cell);
    changeAxes({});
    new ResizeObserver(() => {
        if (widthOf(parts.chart) === room)
            return;
        drawChart();
        drawCell();
    }).observe(parts.chart);
}

function begin(host) {
    const data = JSON.parse(host.querySelector("script[type='application/json']").textContent);
    if (data.cells && data.metrics.length)
        explore(host, data);
    else
        host.append(...data.notes.map(text => html("p", {}, text)));
}

document.querySelectorAll(".explore").forEach(begin);
//]]>
