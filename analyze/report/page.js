(function () {
  "use strict";
  var root = document.documentElement, repaint = [];

  // The theme follows the system until the button says otherwise.
  var button = document.getElementById("theme"), dark = matchMedia("(prefers-color-scheme: dark)");
  var themes = ["automatic", "light", "dark"], theme = 0;
  function painted() { repaint.forEach(function (f) { f(); }); }
  button.hidden = false;
  button.addEventListener("click", function () {
    theme = (theme + 1) % 3;
    if (theme) root.setAttribute("data-theme", themes[theme]); else root.removeAttribute("data-theme");
    button.textContent = "Theme: " + themes[theme];
    painted();
  });
  dark.addEventListener("change", painted);

  // Everything is printed, also what is folded.
  var folded = [];
  addEventListener("beforeprint", function () {
    folded = Array.from(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (d) { d.open = true; });
  });
  addEventListener("afterprint", function () { folded.forEach(function (d) { d.open = false; }); });

  if (!window.Plotly) return;
  document.querySelectorAll(".live").forEach(function (e) { e.hidden = false; });
  document.querySelectorAll(".explore").forEach(function (e) {
    e.hidden = false;
    try { explore(e); } catch (err) { e.hidden = true; console.error(err); }
  });

  function color(name) { return getComputedStyle(root).getPropertyValue(name).trim(); }

  function look(extra) {
    var ink = color("--ink"), grid = color("--grid"), axis = { gridcolor: grid, zerolinecolor: grid, linecolor: ink, color: ink };
    var layout = {
      paper_bgcolor: color("--paper"), plot_bgcolor: color("--paper"), font: { color: ink, size: 12 },
      margin: { l: 55, r: 12, t: 30, b: 42 }, legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" }, hovermode: "closest"
    };
    for (var k in extra) {
      layout[k] = /axis$/.test(k) ? Object.assign({}, axis, extra[k]) : extra[k];
    }
    if (extra.scene) {
      layout.scene = Object.assign({}, extra.scene);
      ["xaxis", "yaxis", "zaxis"].forEach(function (k) { layout.scene[k] = Object.assign({}, axis, extra.scene[k]); });
    }
    return layout;
  }

  function explore(root) {
    var data = JSON.parse(document.getElementById(root.id + "-data").textContent);
    var slider = root.querySelector("input"), out = root.querySelector("output"), readout = root.querySelector(".readout");
    // Of the buttons one is of use: the one that turns the surface back.
    var config = { displaylogo: false, responsive: true, displayModeBar: false };
    var turning = { displaylogo: false, responsive: true, displayModeBar: true, modeBarButtons: [["resetCameraDefault3d"]] };
    var movers = [];

    // extent is the least and the greatest; long lists are too much for Math.min.
    function extent(list) {
      var low = Infinity, high = -Infinity;
      list.forEach(function (v) { if (v < low) low = v; if (v > high) high = v; });
      return [low, high];
    }

    // place(steps) finds the last of increasing steps that is not after step.
    function place(steps, step) {
      var a = 0, b = steps.length;
      while (a < b) { var m = (a + b) >> 1; if (steps[m] <= step) a = m + 1; else b = m; }
      return a - 1;
    }
    function short(name) { return name.replace(/ \(.*/, ""); }
    function text(x) { return x == null ? "–" : String(+(+x).toPrecision(4)); }

    // panel draws one figure and returns a function that moves its marker.
    function panel(name, traces, layout, move) {
      var div = root.querySelector('[data-panel="' + name + '"]');
      if (!div) return;
      function draw() { return Plotly.react(div, traces(), look(layout()), name === "surface" ? turning : config); }
      draw();
      repaint.push(function () { draw(); go(true); });
      movers.push(function (step) { move(div, step); });
    }

    var L = data.landscape, W = data.walk, C = data.loss;
    if (L) {
      var values = L.z.reduce(function (a, b) { return a.concat(b); }, []).filter(function (v) { return v !== null; });
      var ends = extent(values), low = ends[0], high = ends[1];
      var tone = function (v) { return v === null ? null : L.log ? Math.log10(v) : v; };
      var tones = L.z.map(function (row) { return row.map(tone); });
      var bar = function () {
        var b = { title: { text: "loss" }, thickness: 12 };
        if (L.log) {
          b.tickvals = []; b.ticktext = [];
          for (var k = Math.floor(Math.log10(low)); k <= Math.log10(high); k++) [1, 2, 5].forEach(function (m) {
            var v = m * Math.pow(10, k);
            if (v >= low && v <= high) { b.tickvals.push(Math.log10(v)); b.ticktext.push(text(v)); }
          });
        }
        return b;
      };
      var path = L.step.map(function (s, i) {
        return "step " + s + "<br>loss on the plane " + text(L.under[i]) + "<br>true loss " + text(L.true[i]) + "<br>off the plane " + text(L.residual[i]);
      });
      var at = function (step) { return place(L.step, step); };
      // Above the surface by a hair, so that it is not half buried in it.
      var lifted = L.under.map(function (v) { return v === null ? null : L.log ? v * Math.pow(high / low, 0.012) : v + 0.012 * (high - low); });
      // From the lowest corner one looks into the valley and not at its back.
      var corners = [[1, 1], [-1, 1], [-1, -1], [1, -1]].map(function (c) {
        var row = L.z[c[1] > 0 ? L.z.length - 1 : 0], v = row[c[0] > 0 ? row.length - 1 : 0];
        return { c: c, v: v === null ? Infinity : v };
      }).sort(function (p, q) { return p.v - q.v; });
      var corner = corners[0].c, far = root.clientWidth < 450 ? 1.3 : 1.12;
      panel("surface", function () {
        return [
          { type: "surface", x: L.a, y: L.b, z: L.z, surfacecolor: tones, cmin: tone(low), cmax: tone(high), colorscale: "Viridis", showscale: false,
            hovertemplate: "%{x:.3g}, %{y:.3g}<br>loss %{z:.4g}<extra></extra>", contours: { x: { highlight: false }, y: { highlight: false } } },
          { type: "scatter3d", mode: "lines", x: L.path_a, y: L.path_b, z: lifted, line: { color: "#111", width: 5 }, text: path, hovertemplate: "%{text}<extra></extra>", showlegend: false },
          { type: "scatter3d", mode: "markers", x: [null], y: [null], z: [null], marker: { size: 9, color: "#ff4a1c", line: { color: "#fff", width: 2 } }, hoverinfo: "skip", showlegend: false }
        ];
      }, function () {
        return { margin: { l: 0, r: 0, t: 0, b: 0 }, uirevision: 1, scene: { uirevision: 1, aspectratio: { x: 1.15, y: 1.15, z: 0.75 }, camera: { eye: { x: 0.9 * far * corner[0], y: 1.6 * far * corner[1], z: 1.25 * far }, center: { x: 0, y: 0, z: -0.1 } },
          xaxis: { title: { text: short(L.x_name) }, nticks: 6 }, yaxis: { title: { text: short(L.y_name) }, nticks: 6 },
          zaxis: { title: { text: "loss" }, type: L.log ? "log" : "linear", tickvals: L.log ? bar().tickvals.map(function (v) { return Math.pow(10, v); }) : undefined, ticktext: L.log ? bar().ticktext : undefined } } };
      }, function (div, step) {
        var i = at(step);
        Plotly.restyle(div, { x: [[L.path_a[i]]], y: [[L.path_b[i]]], z: [[lifted[i]]] }, [2]);
      });
      panel("map", function () {
        return [
          { type: "contour", x: L.a, y: L.b, z: tones, zmin: tone(low), zmax: tone(high), colorscale: "Viridis", colorbar: bar(), ncontours: 14, line: { width: 0.6, color: "rgba(0,0,0,.45)" },
            text: L.z.map(function (row) { return row.map(text); }), hovertemplate: "%{x:.3g}, %{y:.3g}<br>loss %{text}<extra></extra>" },
          { type: "scatter", mode: "lines", x: L.path_a, y: L.path_b, line: { color: "#fff", width: 4 }, hoverinfo: "skip", showlegend: false },
          { type: "scatter", mode: "lines", x: L.path_a, y: L.path_b, line: { color: "#111", width: 1.6 }, text: path, hovertemplate: "%{text}<extra></extra>", showlegend: false },
          { type: "scatter", mode: "markers", x: [null], y: [null], marker: { size: 13, color: "#ff4a1c", line: { color: "#fff", width: 2 } }, hoverinfo: "skip", showlegend: false }
        ];
      }, function () {
        return { xaxis: { title: { text: L.x_name } }, yaxis: { title: { text: L.y_name } } };
      }, function (div, step) {
        var i = at(step);
        Plotly.restyle(div, { x: [[L.path_a[i]]], y: [[L.path_b[i]]] }, [3]);
      });
    }

    function upright(step) {
      return [{ type: "line", x0: step, x1: step, yref: "paper", y0: 0, y1: 1, line: { color: color("--muted"), width: 1, dash: "dot" } }];
    }
    function positive(list) {
      return list.every(function (v) { return !v || v.every(function (x) { return x === null || x > 0; }); });
    }
    function spans(list) {
      var all = list.reduce(function (a, b) { return a.concat(b); }, []).filter(function (x) { return x !== null; });
      var ends = extent(all);
      return positive(list) && ends[1] / ends[0] >= 100;
    }

    if (C) {
      panel("loss", function () {
        var out = [];
        function add(name, y, tone, sparse) {
          if (!y.some(function (v) { return v !== null; })) return;
          out.push({ type: "scatter", mode: sparse ? "lines+markers" : "lines", connectgaps: !!sparse, name: name, x: C.step, y: y, line: { color: color(tone), width: sparse ? 2 : 1 }, hovertemplate: "step %{x}<br>%{y:.4g}<extra>" + name + "</extra>" });
        }
        add("mini-batch", C.batch, "--s0");
        add("full training set", C.full, "--s1", true);
        add("held out", C.test, "--s2", true);
        out.push({ type: "scatter", mode: "markers", x: [null], y: [null], marker: { size: 11, color: "#ff4a1c", line: { color: color("--paper"), width: 2 } }, hoverinfo: "skip", showlegend: false });
        return out;
      }, function () {
        return { xaxis: { title: { text: "step" } }, yaxis: { title: { text: "loss" }, type: spans([C.batch, C.full, C.test]) ? "log" : "linear" } };
      }, function (div, step) {
        var i = place(C.step, step), y = [C.batch[i], C.full[i], C.test[i]].filter(function (v) { return v != null; })[0];
        Plotly.update(div, { x: [[step]], y: [[y === undefined ? null : y]] }, { shapes: upright(step) }, [div.data.length - 1]);
      });
    }

    if (W) {
      var around = 12, places = W.x.map(function (v, j) { return v === null ? W.x[j - 1] : v; });
      panel("walk", function () {
        return [
          { type: "scatter", mode: "lines", name: "along the step", x: W.x, y: W.loss, line: { color: color("--s0"), width: 1.4 }, hovertemplate: "step %{x:.1f}<br>loss %{y:.5g}<extra></extra>" },
          { type: "scatter", mode: "lines+markers", name: "valley floor", x: W.floor_x, y: W.floor, line: { color: color("--s1"), width: 1.2, dash: "dash" }, marker: { size: 4 }, hovertemplate: "floor at %{x:.2f}<br>loss %{y:.5g}<extra></extra>" },
          { type: "scatter", mode: "markers", name: "iterates", x: W.step, y: W.start, marker: { size: 6, color: color("--ink") }, hovertemplate: "iterate %{x}<br>loss %{y:.5g}<extra></extra>" },
          { type: "scatter", mode: "markers", x: [null], y: [null], marker: { size: 12, color: "#ff4a1c", line: { color: color("--paper"), width: 2 } }, hoverinfo: "skip", showlegend: false }
        ];
      }, function () {
        return { xaxis: { title: { text: "step" } }, yaxis: { title: { text: "full training loss" } } };
      }, function (div, step) {
        var i = place(W.step, step), here = i >= 0 && W.step[i] === step;
        var from = Math.max(W.step[0] - 0.5, step - around), to = from + 2 * around, low = Infinity, high = -Infinity;
        for (var k = Math.max(0, place(places, from)); k < W.x.length && (W.x[k] === null || W.x[k] <= to); k++) {
          if (W.loss[k] !== null) { low = Math.min(low, W.loss[k]); high = Math.max(high, W.loss[k]); }
        }
        var layout = { shapes: upright(step), "xaxis.range": [from, to] };
        if (low < high) layout["yaxis.range"] = [low - 0.12 * (high - low), high + 0.08 * (high - low)];
        Plotly.update(div, { x: [[here ? step : null]], y: [[here ? W.start[i] : null]] }, layout, [3]);
      });
    }

    function words(step) {
      var parts = ["Step " + step];
      if (C) {
        var i = place(C.step, step);
        if (C.batch[i] != null) parts.push("mini-batch loss " + text(C.batch[i]));
        if (C.full[i] != null) parts.push("full loss " + text(C.full[i]));
      }
      if (W) {
        var j = place(W.step, step);
        if (j >= 0 && W.step[j] === step) parts.push("full loss on the walk " + text(W.start[j]));
      }
      if (L && L.step.length) {
        var k = place(L.step, step);
        if (k >= 0) parts.push("loss on the plane " + text(L.under[k]) + ", off the plane by " + text(L.residual[k]));
      }
      return parts.join("; ") + ".";
    }

    var shown = -1, asked = false;
    function go(again) {
      asked = false;
      var i = +slider.value, step = data.steps[i];
      if (i === shown && !again) return;
      shown = i;
      out.textContent = step;
      slider.setAttribute("aria-valuetext", "step " + step);
      readout.textContent = words(step);
      movers.forEach(function (m) { m(step); });
    }
    function ask() { if (!asked) { asked = true; requestAnimationFrame(function () { go(false); }); } }
    slider.addEventListener("input", ask);
    root.querySelectorAll("[data-by]").forEach(function (b) {
      b.addEventListener("click", function () { slider.value = +slider.value + +b.dataset.by; ask(); });
    });
    var play = root.querySelector("[data-play]"), timer = 0;
    function stop() { clearInterval(timer); timer = 0; play.textContent = "Play"; play.setAttribute("aria-pressed", "false"); }
    play.addEventListener("click", function () {
      if (timer) { stop(); return; }
      if (+slider.value >= +slider.max) slider.value = 0;
      play.textContent = "Pause"; play.setAttribute("aria-pressed", "true");
      var by = Math.max(1, Math.round(data.steps.length / 400));
      timer = setInterval(function () {
        slider.value = +slider.value + by;
        ask();
        if (+slider.value >= +slider.max) stop();
      }, 120);
    });
    slider.value = 0;
    go(true);
  }
})();
