"use strict";
// The losses of the chosen runs in one figure: filter, smoothing and zoom. page.js calls
// update with the state of the runs; changed is called when the reader chooses something
// for which new numbers are needed.
window.compareLosses = (changed) => {
  const width = 800, height = 360, edge = { left: 68, right: 12, top: 10, bottom: 44 };
  const get = (id) => document.getElementById(id);
  const section = get("compare"), chart = get("chart"), list = get("runs"), readout = get("readout");
  const hint = readout.textContent;
  const shown = new Set(); // numbers of the runs in the figure
  const data = new Map(); // by number of the run: { key, losses }
  let runs = [], range = null, first = true, drag = null, axes = null;

  const make = (name, attributes, text) => {
    const e = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (text !== undefined) e.textContent = text;
    return e;
  };
  // look gives 24 runs different lines, and neighbours different dashes for a print without colour.
  const look = (i) => `c${i % 6} d${(i + Math.floor(i / 12)) % 4}`;
  const number = (v) => (v === null || v === undefined ? "–" : typeof v === "string" ? v : String(Number(v.toPrecision(4))));

  // words are what the filter looks for in a run.
  const words = (run) => [run.run, run.model, run.data, run.optimizer, run.state, ...run.tags].join(" ").toLowerCase();
  const matches = (run) => get("filter").value.toLowerCase().split(/\s+/).every((w) => words(run).includes(w));

  // items keeps the list of runs, and hides what the filter does not match.
  function items() {
    runs.forEach((run, i) => {
      let item = list.children[i];
      if (!item) {
        item = document.createElement("li");
        const label = document.createElement("label"), box = document.createElement("input"), name = document.createElement("span");
        box.type = "checkbox";
        box.checked = shown.has(i);
        box.addEventListener("change", () => {
          if (box.checked) shown.add(i); else shown.delete(i);
          changed();
          draw();
        });
        const swatch = make("svg", { viewBox: "0 0 35 12", "aria-hidden": "true" });
        swatch.append(make("line", { x1: 0, x2: 35, y1: 6, y2: 6, "stroke-width": 3, class: look(i) }));
        name.append(document.createElement("span"), document.createElement("small"));
        label.append(box, swatch, name);
        item.append(label);
        list.append(item);
      }
      const [title, about] = item.querySelector("label > span").children;
      if (title.textContent !== run.run) title.textContent = run.run;
      const text = `${run.model}, ${run.optimizer}, ${run.state}, step ${run.step}, loss ${number(run.batch_loss)}${run.tags.length ? `, ${run.tags.join(", ")}` : ""}`;
      if (about.textContent !== text) about.textContent = text;
      const hidden = !matches(run);
      if (item.hidden !== hidden) item.hidden = hidden;
      const part = get(`run-${i}`);
      if (part.hidden !== hidden) part.hidden = hidden;
    });
    const n = runs.filter(matches).length, said = get("filter").value ? `${n} of ${runs.length} runs match.` : "";
    if (get("matches").textContent !== said) get("matches").textContent = said;
  }

  // visible are the numbers of the runs in the figure.
  const visible = () => [...shown].filter((i) => runs[i] && matches(runs[i])).sort((a, b) => a - b);

  async function update(now) {
    runs = now;
    if (first) {
      first = false;
      section.hidden = false;
      section.querySelector(".choose").classList.toggle("many", runs.length > 1);
      section.querySelector(".list").hidden = runs.length < 2;
      runs.slice(0, 6).forEach((_, i) => shown.add(i));
    }
    items();
    const query = range ? `?from=${Math.floor(range[0])}&to=${Math.ceil(range[1])}` : "";
    for (const i of visible()) {
      const key = `${runs[i].rows} ${query}`;
      if (data.get(i)?.key === key) continue;
      const answer = await fetch(`${i}/losses.json${query}`);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      data.set(i, { key, losses: await answer.json() });
    }
    if (!drag) draw();
  }

  // smoothed is the exponential moving average without the bias of its start.
  function smoothed(values, factor) {
    let sum = 0, weight = 0;
    return values.map((v) => {
      if (typeof v !== "number") return v;
      sum = factor * sum + (1 - factor) * v;
      weight = factor * weight + 1 - factor;
      return sum / weight;
    });
  }

  // ticks are round numbers from low to high.
  function ticks(low, high, count) {
    const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
    const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw);
    const out = [];
    for (let k = Math.ceil(low / step); k * step <= high * (1 + 1e-12) && out.length < 50; k++) out.push(k * step);
    return out;
  }

  // logTicks are powers of ten, and 2 and 5 times these when there are few.
  function logTicks(low, high) {
    const out = [];
    const few = Math.log10(high / low) < 3;
    for (let p = Math.floor(Math.log10(low)); p <= Math.ceil(Math.log10(high)); p++) {
      for (const m of few ? [1, 2, 5] : [1]) {
        const v = Number(`${m}e${p}`);
        if (v >= low && v <= high) out.push(v);
      }
    }
    return out.length < 2 ? [low, high] : out;
  }

  function draw() {
    const kind = get("loss").value, factor = Number(get("smooth").value), log = get("log").checked;
    const lines = visible().filter((i) => data.has(i)).map((i) => {
      const l = data.get(i).losses[kind];
      return { run: i, step: l.step ?? [], raw: l.value ?? [], mean: data.get(i).losses.mean, smooth: smoothed(l.value ?? [], factor), all: data.get(i).losses };
    });
    let [from, to] = range ?? [Math.min(...lines.map((l) => l.all.first)), Math.max(...lines.map((l) => l.all.last))];
    let low = Infinity, high = -Infinity;
    for (const l of lines) {
      for (const v of factor > 0 ? l.smooth : l.raw) {
        if (typeof v === "number" && (!log || v > 0)) [low, high] = [Math.min(low, v), Math.max(high, v)];
      }
    }
    chart.replaceChildren();
    axes = null;
    if (!(low <= high) || !(from <= to)) {
      chart.append(make("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, visible().length ? "There is no such loss in these steps." : "No run is chosen."));
      chart.setAttribute("aria-label", "No losses are shown");
      return;
    }
    if (from === to) to = from + 1;
    if (low === high) [low, high] = log ? [low / 2, high * 2] : [low - 1, high + 1];
    const pad = log ? (high / low) ** 0.04 : 0.04 * (high - low);
    [low, high] = log ? [low / pad, high * pad] : [low - pad, high + pad];
    const w = width - edge.left - edge.right, h = height - edge.top - edge.bottom;
    const scale = log ? Math.log : (v) => v;
    const x = (s) => edge.left + ((s - from) / (to - from)) * w;
    const y = (v) => edge.top + (1 - (scale(v) - scale(low)) / (scale(high) - scale(low))) * h;
    axes = { from, to, x, step: (px) => from + ((px - edge.left) / w) * (to - from), lines };
    const few = chart.clientWidth < 500;
    for (const v of log ? logTicks(low, high) : ticks(low, high, 6)) {
      chart.append(make("line", { class: "grid", x1: edge.left, x2: width - edge.right, y1: y(v), y2: y(v) }));
      chart.append(make("text", { x: edge.left - 6, y: y(v) + 4, "text-anchor": "end" }, String(Number(v.toPrecision(3)))));
    }
    for (const s of ticks(from, to, few ? 4 : 8).filter((s) => Number.isInteger(s))) {
      chart.append(make("line", { class: "grid", x1: x(s), x2: x(s), y1: edge.top, y2: height - edge.bottom }));
      chart.append(make("text", { x: x(s), y: height - edge.bottom + (few ? 22 : 16), "text-anchor": "middle" }, String(s)));
    }
    chart.append(make("text", { x: edge.left + w / 2, y: height - 4, "text-anchor": "middle" }, few ? "" : `step${lines.some((l) => l.mean > 1) && kind === "batch" ? ` (each point is the mean of up to ${Math.max(...lines.map((l) => l.mean))} recorded losses)` : ""}`));
    const clip = make("clipPath", { id: "inside" });
    clip.append(make("rect", { x: edge.left, y: edge.top, width: w, height: h }));
    const inside = make("g", { "clip-path": "url(#inside)" });
    const path = (steps, values) => {
      let d = "", pen = "M";
      values.forEach((v, k) => {
        if (typeof v !== "number" || (log && v <= 0)) return void (pen = "M");
        d += `${pen}${x(steps[k]).toFixed(1)} ${y(v).toFixed(1)}`;
        pen = "L";
      });
      return d;
    };
    for (const l of lines) {
      if (factor > 0) inside.append(make("path", { class: `raw ${look(l.run).split(" ")[0]}`, d: path(l.step, l.raw) }));
      inside.append(make("path", { class: `line ${look(l.run)}`, "data-run": l.run, d: path(l.step, l.smooth) }));
    }
    chart.append(clip, inside, make("rect", { class: "frame", x: edge.left, y: edge.top, width: w, height: h }));
    const name = get("loss").selectedOptions[0].textContent;
    chart.setAttribute("aria-label", `Loss (${name}) over steps ${Math.round(from)} to ${Math.round(to)}: ${lines.map((l) => `${runs[l.run].run} ends at ${number(l.smooth.at(-1))}`).join("; ")}`);
  }

  // zoom shows the steps from a to b; null shows the whole run.
  function zoom(a, b) {
    const all = axes?.lines.map((l) => l.all) ?? [];
    const low = Math.min(...all.map((l) => l.first)), high = Math.max(...all.map((l) => l.last));
    if (a === null || (a <= low && b >= high) || !all.length) range = null;
    else {
      const size = Math.min(Math.max(b - a, 4), high - low);
      const start = Math.min(Math.max(a, low), high - size);
      range = [start, start + size];
    }
    draw();
    changed();
  }
  const by = (factor, move = 0) => {
    if (!axes) return;
    const middle = (axes.from + axes.to) / 2 + move * (axes.to - axes.from), half = ((axes.to - axes.from) / 2) * factor;
    zoom(middle - half, middle + half);
  };
  get("in").addEventListener("click", () => by(0.5));
  get("out").addEventListener("click", () => by(2));
  get("left").addEventListener("click", () => by(1, -0.5));
  get("right").addEventListener("click", () => by(1, 0.5));
  get("whole").addEventListener("click", () => zoom(null));
  chart.addEventListener("dblclick", () => zoom(null));

  const at = (e) => {
    const box = chart.getBoundingClientRect();
    return Math.min(Math.max(((e.clientX - box.left) / box.width) * width, edge.left), width - edge.right);
  };
  chart.addEventListener("pointerdown", (e) => {
    if (!axes || e.button !== 0) return;
    drag = { from: at(e), mark: make("rect", { class: "selected", y: edge.top, height: height - edge.top - edge.bottom, x: at(e), width: 0 }) };
    chart.append(drag.mark);
    chart.setPointerCapture(e.pointerId);
  });
  chart.addEventListener("pointermove", (e) => {
    if (!axes) return;
    const px = at(e);
    if (drag) {
      drag.mark.setAttribute("x", Math.min(px, drag.from));
      drag.mark.setAttribute("width", Math.abs(px - drag.from));
      return;
    }
    const step = axes.step(px);
    readout.textContent = axes.lines.filter((l) => l.step.length).map((l) => {
      let k = l.step.findIndex((s) => s >= step);
      if (k < 0) k = l.step.length - 1;
      return `${runs[l.run].run}: ${number(l.smooth[k])} at step ${l.step[k]}`;
    }).join("; ");
  });
  const drop = (e) => {
    if (!drag) return;
    const [a, b] = [drag.from, at(e)].sort((p, q) => p - q);
    drag.mark.remove();
    drag = null;
    if (e.type === "pointerup" && axes && b - a > 8) zoom(axes.step(a), axes.step(b));
  };
  chart.addEventListener("pointerup", drop);
  chart.addEventListener("pointercancel", drop);
  chart.addEventListener("pointerleave", () => { if (!drag) readout.textContent = hint; });

  get("filter").addEventListener("input", () => { items(); draw(); changed(); });
  get("loss").addEventListener("change", draw);
  get("log").addEventListener("change", draw);
  get("smooth").addEventListener("input", () => { get("smooth-is").textContent = get("smooth").value; draw(); });
  return { update };
};
