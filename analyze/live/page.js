"use strict";
// Asks for the state of the runs about every second and, where a run has new rows,
// for its figures. Nothing is asked for while the page is hidden or paused.
(() => {
  const every = 1000;
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const narrow = matchMedia("(max-width: 40rem)");
  const link = document.getElementById("link");
  const button = document.getElementById("pause");
  const drawn = new Map(); // what each figure shows
  const compare = window.compareLosses(() => look());
  let paused = false, timer = 0, busy = false;

  const text = (v, digits = 4) => v === null || v === undefined ? "–" : typeof v === "string" ? v : String(Number(v.toPrecision(digits)));
  const bytes = (v) => {
    if (v === null) return "–";
    const units = ["B", "kB", "MB", "GB", "TB", "PB"];
    let k = 0;
    for (; v >= 999.5 && k < units.length - 1; k++) v /= 1000;
    return `${k ? Number(v.toPrecision(3)) : v} ${units[k]}`;
  };
  const time = (s) => {
    s = Math.round(s);
    const h = Math.floor(s / 3600), m = Math.floor((s % 3600) / 60);
    return h ? `${h} h ${m} min` : m ? `${m} min ${s % 60} s` : `${s} s`;
  };

  function numbers(run) {
    const out = [
      ["Mini-batch loss", text(run.batch_loss)],
      ["Full training loss", run.full_loss === null ? "–" : `${text(run.full_loss)} at step ${run.full_loss_step}`],
      ["Held-out loss", text(run.test_loss)],
      ["Step length", text(run.step_length)],
      ["Cosine of updates", text(run.update_cos, 3)],
      ["Cosine of gradients", text(run.grad_cos, 3)],
      ["Learning rate", text(run.learning_rate)],
      ["Distance from the start", text(run.displacement)],
      ["Steps a second", text(run.steps_per_second, 3)],
      ["On disk", `${bytes(run.bytes)}${run.whole_bytes === null ? "" : ` of about ${bytes(run.whole_bytes)}`}`],
      ["Free on the disk", bytes(run.free_bytes)],
    ];
    const r = run.recorder;
    if (r) out.push(["Recording queue", `${r.queued} of ${r.capacity} rows, at most ${r.most_queued}; takes ${text(100 * r.time_share, 2)} % of the time${r.dropped ? `; ${r.dropped} rows LOST` : ""}`]);
    return out;
  }

  function state(run) {
    let out = `${run.state[0].toUpperCase()}${run.state.slice(1)}: step ${run.step} of ${run.steps}, epoch ${run.epoch} of ${run.epochs}, ${run.rows} rows`;
    if (run.seconds_left !== null) out += `, ${time(run.seconds_left)} left`;
    if (run.seconds_since !== null && run.seconds_since > 10) out += `. The last row is ${time(run.seconds_since)} old`;
    if (run.nonfinite) out += ". A loss was NaN or infinite";
    return `${out}.`;
  }

  // show puts the numbers of a run in place.
  function show(section, run) {
    const p = section.querySelector(".state");
    const said = state(run);
    if (p.textContent !== said) p.textContent = said;
    p.classList.toggle("bad", run.nonfinite || run.state === "stopped" || run.state === "diverged");
    const share = run.steps > 0 ? Math.min(100, (100 * run.step) / run.steps) : 0;
    const bar = section.querySelector(".bar");
    bar.setAttribute("aria-valuenow", share.toFixed(1));
    bar.firstElementChild.style.width = `${share}%`;
    const notes = [...(run.tags.length ? [`Tags: ${run.tags.join(", ")}`] : []), ...run.notes.map((n) => `${n.time.slice(0, 10)}: ${n.text}`)];
    const noted = section.querySelector(".notes");
    if (noted.children.length !== notes.length || notes.some((n, i) => noted.children[i].textContent !== n)) {
      noted.replaceChildren(...notes.map((n) => Object.assign(document.createElement("li"), { textContent: n })));
    }
    noted.hidden = notes.length === 0;
    const list = section.querySelector(".numbers");
    numbers(run).forEach(([name, value], i) => {
      let cell = list.children[i];
      if (!cell) {
        cell = document.createElement("div");
        cell.append(document.createElement("dt"), document.createElement("dd"));
        list.append(cell);
      }
      cell.firstElementChild.textContent = name;
      cell.lastElementChild.textContent = value;
    });
  }

  // place finds the figure on the page, or makes it.
  function place(section, index, f) {
    const id = `figure-${index}-${f.name}`;
    let box = document.getElementById(id);
    if (box) return box;
    box = document.createElement("figure");
    box.id = id;
    const heading = document.createElement("h3"), image = document.createElement("img"), caption = document.createElement("figcaption"), data = document.createElement("a");
    heading.textContent = f.heading;
    data.textContent = "Data (CSV)";
    data.href = `${index}/${f.name}.csv`;
    data.setAttribute("aria-label", `Data of the figure ${f.heading} as CSV`);
    caption.append(data);
    box.append(heading, image, caption);
    section.querySelector(".figures").append(box);
    return box;
  }

  // draw asks for a figure and puts it in place when it is there, so that nothing
  // flickers.
  async function draw(section, index, run, f) {
    const box = place(section, index, f);
    const look = `theme=${dark.matches ? "dark" : "light"}&width=${narrow.matches ? "3.4" : "7"}`;
    const key = `${run.rows} ${look}`;
    if (drawn.get(box.id) === key) return;
    const next = new Image();
    next.alt = f.alt;
    next.src = `${index}/${f.name}.svg?${look}&rows=${run.rows}`;
    await next.decode();
    if (paused) return;
    box.querySelector("img").replaceWith(next);
    drawn.set(box.id, key);
  }

  // update asks once and shows the answer. What comes after the button was pressed
  // is not shown any more.
  async function update() {
    const answer = await fetch("status.json");
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const { runs } = await answer.json();
    for (const [i, run] of runs.entries()) {
      if (paused) return;
      const section = document.getElementById(`run-${i}`);
      show(section, run);
      if (section.hidden || !section.querySelector("details").open) continue;
      for (const f of run.figures) {
        if (paused) return;
        await draw(section, i, run, f);
      }
    }
    if (!paused) await compare.update(runs);
    const said = runs.some((r) => r.state === "running") ? "Live." : "No run is being recorded now.";
    if (!paused && link.textContent !== said) link.textContent = said;
  }

  async function look() {
    clearTimeout(timer);
    if (busy || paused || document.hidden) return;
    busy = true;
    try {
      await update();
    } catch {
      if (!paused) link.textContent = "The server does not answer; what is shown is what was known last. Trying again …";
    }
    busy = false;
    timer = setTimeout(look, every);
  }

  button.addEventListener("click", () => {
    paused = !paused;
    button.setAttribute("aria-pressed", paused);
    button.textContent = paused ? "Go on" : "Pause";
    link.textContent = paused ? "Paused." : "Live.";
    look();
  });
  for (const d of document.querySelectorAll("section[data-run] details")) d.addEventListener("toggle", look);
  for (const m of [dark, narrow]) m.addEventListener("change", look);
  document.addEventListener("visibilitychange", look);
  look();
})();
