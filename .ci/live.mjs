// Looks at the page of a run while it is being recorded: its numbers move, its
// figures are drawn anew, nothing is asked for off the machine, and the console
// stays empty; in the end it says that the run is finished. Beside it stands a
// finished run: the losses of both are in one figure, which is filtered, smoothed
// and zoomed.
//
//   node live.mjs SGDWALK DIRECTORY
//
// playwright-core is looked for in $PLAYWRIGHT (a directory with node_modules) or
// the working directory; the browser is $CHROMIUM or /usr/bin/chromium.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.env.PLAYWRIGHT ?? "."), "here.js"));
const { chromium } = require("playwright-core");

const [binary, dir] = process.argv.slice(2).map((p) => resolve(p));
if (!dir) {
  console.error("live.mjs: a program and a directory for the run must be named");
  process.exit(2);
}
let failures = 0;
const fail = (where, what) => {
  failures++;
  console.error(`FAIL ${where}: ${what}`);
};
const started = [];
const start = (...args) => {
  const p = spawn(binary, args, { stdio: ["ignore", "pipe", "inherit"] });
  started.push(p);
  return p;
};
process.on("exit", () => started.forEach((p) => p.exitCode === null && p.kill()));

// A run that takes some seconds and is stopped when all has been seen.
const run = join(dir, "live");
const training = start("train", "-q", "--data", "digits", "--model", "mlp:64,64", "--batch", "700", "--epochs", "20000", "--grad", "--out", run);
const deadline = Date.now() + 60_000;
while (!existsSync(join(run, "header.json"))) {
  if (Date.now() > deadline || training.exitCode !== null) throw new Error("the run does not begin");
  await new Promise((r) => setTimeout(r, 50));
}
const other = join(dir, "other");
await once(start("train", "-q", "--data", "digits", "--model", "mlp:4", "--epochs", "20", "--out", other), "exit");
await once(start("note", "--tag", "second", other, "<b>a note</b>"), "exit");
const serving = start("serve", "--json", "--port", "0", run, other);
let said = "";
for await (const piece of serving.stdout) {
  said += piece;
  if (said.includes("}")) break;
}
const { address } = JSON.parse(said);

const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox", "--disable-background-networking"] });
const windows = [
  { name: "phone dark", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, colorScheme: "dark" },
  { name: "desk light", viewport: { width: 1400, height: 900 }, colorScheme: "light" },
];
const pages = [];
for (const { name: where, ...window } of windows) pages.push({ where, page: await open(where, window) });
for (const { where, page } of pages) await moving(where, page);
for (const { where, page } of pages) await comparing(where, page);
training.kill("SIGINT");
await once(training, "exit");
for (const { where, page } of pages) await ended(where, page);
await browser.close();
serving.kill("SIGINT");
const [status] = await once(serving, "exit");
if (status !== 0) fail("serve", `it ends with ${status} after an interrupt`);
process.exit(failures ? 1 : 0);

async function open(where, window) {
  const context = await browser.newContext(window);
  const page = await context.newPage();
  await context.route("**", (route) => {
    if (route.request().url().startsWith(address)) return route.continue();
    fail(where, `a request leaves the server: ${route.request().url().slice(0, 200)}`);
    return route.abort();
  });
  page.on("console", (m) => m.type() === "error" && fail(where, `console: ${m.text()}`));
  page.on("pageerror", (e) => fail(where, `script: ${e.message}`));
  page.on("response", (r) => r.status() >= 400 && fail(where, `${r.url()}: ${r.status()}`));
  await page.goto(address);
  return page;
}

// what reads off the page how far the run is and what each figure shows.
function what() {
  const rows = +/(\d+) rows/.exec(document.querySelector("#run-0 .state").textContent)?.[1];
  const figures = [...document.querySelectorAll("#run-0 .figures img")].map((i) => ({ src: i.src, alt: i.alt, width: i.naturalWidth }));
  return { rows, figures, wide: document.documentElement.scrollWidth - innerWidth };
}

// moving waits until the numbers and every figure have changed.
async function moving(where, page) {
  const before = failures;
  await page.waitForFunction(() => document.querySelectorAll("#run-0 .figures img[src]").length >= 5 && document.getElementById("link").textContent === "Live.");
  const first = await page.evaluate(what);
  // Numbers come before the figures of the same look: both must have gone on.
  await page.waitForFunction(
    (old) =>
      [...document.querySelectorAll("#run-0 .figures img")].every((i, k) => i.src !== old.figures[k]?.src) &&
      +/(\d+) rows/.exec(document.querySelector("#run-0 .state").textContent)?.[1] > old.rows,
    first,
  );
  const then = await page.evaluate(what);
  for (const f of then.figures) {
    if (!f.alt.trim()) fail(where, `${f.src} has no alt text`);
    if (!f.width) fail(where, `${f.src} is not drawn`);
    if (!f.src.includes(where.includes("dark") ? "theme=dark" : "theme=light")) fail(where, `${f.src} is in the wrong theme`);
  }
  if (then.wide > 0) fail(where, `the page is ${then.wide} pixels wider than the window`);
  await page.locator("#pause").click();
  const held = await page.evaluate(what);
  await page.waitForTimeout(1500);
  if ((await page.evaluate(what)).rows !== held.rows) fail(where, "a paused page goes on");
  await page.locator("#pause").click();
  if (failures === before) console.log(`ok   ${where}: ${first.rows} to ${then.rows} rows, ${then.figures.length} figures`);
}

// comparing chooses runs, smooths and zooms: the lines of the figure must follow.
async function comparing(where, page) {
  const before = failures;
  const lines = () => page.locator("#chart path.line").evaluateAll((all) => all.map((p) => [p.dataset.run, p.getAttribute("d")]));
  const count = (n) => page.waitForFunction((n) => document.querySelectorAll("#chart path.line").length === n, n);
  const steps = async () => /over steps (\d+) to (\d+)/.exec(await page.locator("#chart").getAttribute("aria-label")).slice(1).map(Number);
  await count(2);
  if (!(await page.locator("#run-1 .notes").textContent()).includes("<b>a note</b>")) fail(where, "the note is not shown as text");

  await page.getByLabel("Filter the runs").fill("second mlp:4");
  await count(1);
  if ((await lines())[0][0] !== "1") fail(where, "the filter keeps the wrong run");
  if (await page.locator("#run-0").isVisible()) fail(where, "the filter does not hide the other run");
  if (!(await page.locator("#matches").textContent()).startsWith("1 of 2")) fail(where, "the filter does not say how many runs match");

  // The run that is left is finished: its line changes only when it is told to.
  const plain = (await lines())[0][1];
  await page.locator("#smooth").evaluate((e) => { e.value = "0.9"; e.dispatchEvent(new Event("input")); });
  if ((await lines())[0][1] === plain || !(await page.locator("#chart path.raw").count())) fail(where, "smoothing changes nothing");
  const smooth = (await lines())[0][1];
  await page.getByLabel("Logarithmic").check();
  if ((await lines())[0][1] === smooth) fail(where, "the logarithmic scale changes nothing");
  await page.getByLabel("Logarithmic").uncheck();
  await page.locator("#loss").selectOption("full");
  if ((await lines())[0][1] === smooth) fail(where, "another loss changes nothing");
  await page.locator("#loss").selectOption("batch");

  const all = await steps();
  await page.getByRole("button", { name: "Zoom in" }).click();
  const half = await steps();
  if (half[1] - half[0] > 0.6 * (all[1] - all[0])) fail(where, `zooming in shows steps ${half}, of ${all}`);
  await page.getByRole("button", { name: "Later steps" }).click();
  if ((await steps())[0] <= half[0]) fail(where, "later steps are not shown");
  await page.getByRole("button", { name: "Whole run" }).click();
  await page.locator("#chart").scrollIntoViewIfNeeded();
  const box = await page.locator("#chart").boundingBox();
  await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.5 * box.height);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 0.5 * box.height);
  await page.mouse.up();
  const dragged = await steps();
  if (dragged[1] - dragged[0] > 0.4 * (all[1] - all[0])) fail(where, `dragging shows steps ${dragged}, of ${all}`);
  await page.getByRole("button", { name: "Whole run" }).click();
  if ((await steps())[1] !== all[1]) fail(where, "the whole run is not shown again");

  await page.getByLabel("Filter the runs").fill("");
  await count(2);
  await page.locator("#runs input").nth(1).uncheck();
  await count(1);
  if ((await lines())[0][0] !== "0") fail(where, "the box of a run hides another run");
  await page.locator("#runs input").nth(1).check();
  await count(2);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if (wide > 0) fail(where, `the page is ${wide} pixels wider than the window`);
  if (failures === before) console.log(`ok   ${where}: losses of two runs, filter, smoothing, zoom`);
}

// ended waits until the page knows that the run was interrupted.
async function ended(where, page) {
  await page.waitForFunction(() => document.getElementById("link").textContent === "No run is being recorded now.");
  console.log(`ok   ${where}: ${await page.locator("#run-0 .state").textContent()}`);
}
