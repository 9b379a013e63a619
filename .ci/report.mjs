// Looks at HTML reports in a headless Chromium, at phone and desk width, light
// and dark (a page with Plotly.js in one of the two at each width), and fails on what a reader would stumble over: an error on the
// console, a request that leaves the machine, a page that scrolls sideways, text
// of too little contrast, a figure without a text, a slider that moves nothing,
// a first screen (1280x800) without a figure and the answers, more than 8 screens,
// folded parts that are not printed.
//
//   node report.mjs [--plotly plotly.min.js] [--shots DIR] REPORT.html ...
//
// A report with Plotly.js inside must be interactive. One that names its release
// is opened twice: with the release out of reach, where it must be complete all
// the same, and, with --plotly, with that file in its place, whose hash must fit.
//
// playwright-core is looked for in $PLAYWRIGHT (a directory with node_modules) or
// the working directory; the browser is $CHROMIUM or /usr/bin/chromium.
import { createRequire } from "node:module";
import { mkdirSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const require = createRequire(join(resolve(process.env.PLAYWRIGHT ?? "."), "here.js"));
const { chromium } = require("playwright-core");

const files = [];
let plotly, shots;
for (let i = 2; i < process.argv.length; i++) {
  const a = process.argv[i];
  if (a === "--plotly") plotly = readFileSync(process.argv[++i]);
  else if (a === "--shots") mkdirSync((shots = process.argv[++i]), { recursive: true });
  else files.push(a);
}
if (files.length === 0) {
  console.error("report.mjs: no report is named");
  process.exit(2);
}

let failures = 0;
const fail = (where, what) => {
  failures++;
  console.error(`FAIL ${where}: ${what}`);
};

const sizes = [
  { name: "phone", viewport: { width: 390, height: 844 }, hasTouch: true, isMobile: true, deviceScaleFactor: shots ? 2 : 1 },
  { name: "desk", viewport: { width: 1400, height: 900 } },
];

const screen = { width: 1280, height: 800 }, maxScreens = 8;

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-background-networking", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"],
});
for (const file of files) {
  const html = readFileSync(file, "utf8");
  const release = html.match(/<script src="([^"]+)" integrity="[^"]+" crossorigin/)?.[1];
  const inlined = !release && /Plotly\.js [^<]*inlined/.test(html);
  // A surface that Plotly.js draws without a graphics card takes seconds for each
  // look; the theme button is pressed in every one, so that both themes are seen at
  // both widths all the same.
  for (const flip of [false, true]) {
    const pair = async (how) => {
      for (const [i, size] of sizes.entries()) await look(file, size, (i === 0) === flip ? "dark" : "light", how);
    };
    if (!release && (!inlined || !flip)) await pair({ live: inlined });
    else if (release && !flip) await pair({ release, live: false });
    else if (release && plotly) await pair({ release, live: true, serve: plotly });
  }
}
await browser.close();
if (failures) {
  console.error(`${failures} failures`);
  process.exit(1);
}

// look opens one report in one window and checks it.
async function look(file, size, colorScheme, { release, live, serve }) {
  const how = release ? (serve ? " release" : " no network") : "";
  const where = `${basename(file)} ${size.name} ${colorScheme}${how}`;
  const { name, ...window } = size;
  const before = failures;
  const context = await browser.newContext({ ...window, colorScheme });
  const page = await context.newPage();
  page.setDefaultTimeout(120_000);
  const own = pathToFileURL(resolve(file)).href;
  await context.route("**", (route) => {
    const url = route.request().url();
    if (url.split("#")[0] === own) return route.continue();
    if (url === release && serve) {
      return route.fulfill({ body: serve, contentType: "text/javascript", headers: { "access-control-allow-origin": "*" } });
    }
    if (url !== release) fail(where, `a request leaves the machine: ${url.slice(0, 200)}`);
    return route.abort();
  });
  page.on("console", (m) => {
    if (m.type() !== "error") return;
    if (release && !serve && m.location().url === release) return; // it is out of reach here
    fail(where, `console: ${m.text()}`);
  });
  page.on("pageerror", (e) => fail(where, `script: ${e.message}`));
  await page.goto(own);

  await shape(page, where);
  if (name === "desk" && !live && !html(file).includes('class="many"')) await screens(page, where);
  await contrast(page, where);
  await keyboard(page, where);
  if (live) await explore(page, where);
  else if (await page.locator(".live:visible, .explore:visible").count()) fail(where, "interactive parts show without Plotly.js");
  if (shots) await shoot(page, join(shots, `${basename(file, ".html")}-${name}-${colorScheme}${how.replaceAll(" ", "-")}`));
  await page.emulateMedia({ media: "print" });
  if (await page.locator(".live:visible, nav:visible, button:visible").count()) fail(where, "controls are printed");
  const printed = await page.evaluate(() => [document.body, ...document.querySelectorAll("svg .ground")].map((e) => (e === document.body ? getComputedStyle(e).backgroundColor : getComputedStyle(e).fill)));
  if (printed.some((c) => c !== "rgb(255, 255, 255)")) fail(where, `it is printed on ${[...new Set(printed)]}`);
  await context.close();
  if (failures === before) console.log(`ok   ${where}`);
}

function html(file) {
  return readFileSync(file, "utf8");
}

// screens measures a page of one run: the figure and the answers are on the first screen, all
// is folded into a few screens, and printing opens what is folded.
async function screens(page, where) {
  const before = page.viewportSize();
  await page.setViewportSize(screen);
  const found = await page.evaluate(() => {
    const low = (e) => e.getBoundingClientRect().bottom + scrollY;
    const short = document.querySelector(".short");
    const figure = short.querySelector("figure"), answers = [...short.querySelectorAll(".answers > p")];
    return {
      screens: document.documentElement.scrollHeight / innerHeight, height: innerHeight, answers: answers.length,
      figure: figure ? low(figure) : Infinity, last: answers.length ? low(answers.at(-1)) : Infinity,
    };
  });
  if (found.answers < 5) fail(where, `${found.answers} answers, not 5`);
  if (found.figure > found.height) fail(where, `the first figure ends at ${found.figure}, below the first screen`);
  if (found.last > found.height) fail(where, `the answers end at ${found.last}, below the first screen`);
  if (found.screens > maxScreens) fail(where, `the page has ${found.screens.toFixed(1)} screens of ${screen.width}x${screen.height}, more than ${maxScreens}`);
  const closed = await page.locator("details:not([open])").count();
  await page.evaluate(() => dispatchEvent(new Event("beforeprint")));
  if (closed === 0 || (await page.locator("details:not([open])").count()) > 0) fail(where, "folded parts are not printed");
  await page.evaluate(() => dispatchEvent(new Event("afterprint")));
  if ((await page.locator("details:not([open])").count()) !== closed) fail(where, "printing leaves folded parts open");
  await page.setViewportSize(before);
  console.log(`     ${where}: ${found.screens.toFixed(1)} screens`);
}

// shape checks structure: one h1, headings without gaps, landmarks, unique ids,
// a text for every picture, nothing wider than the window.
async function shape(page, where) {
  const found = await page.evaluate(() => {
    const out = [];
    const all = (s) => [...document.querySelectorAll(s)];
    if (all("h1").length !== 1) out.push(`${all("h1").length} h1`);
    let last = 0;
    for (const h of all("h1,h2,h3,h4,h5,h6").filter((h) => h.checkVisibility())) {
      const n = +h.tagName[1];
      if (n > last + 1) out.push(`heading "${h.textContent}" is h${n} after h${last}`);
      last = n;
    }
    for (const s of ["header", "nav[aria-label]", "main", "footer", 'html[lang="en"]']) if (all(s).length !== 1) out.push(`no or several ${s}`);
    const ids = new Set();
    for (const e of all("[id]")) {
      if (ids.has(e.id)) out.push(`id ${e.id} is there twice`);
      ids.add(e.id);
    }
    for (const e of all("[aria-labelledby]")) {
      for (const id of e.getAttribute("aria-labelledby").split(" ")) {
        if (!document.getElementById(id)?.textContent.trim()) out.push(`${e.tagName} is labelled by ${id}, which says nothing`);
      }
    }
    for (const a of all('a[href^="#"]')) if (!ids.has(a.getAttribute("href").slice(1))) out.push(`link to ${a.getAttribute("href")}, which is not there`);
    for (const e of all("main figure svg")) if (!e.closest(".plot") && e.getAttribute("role") !== "img") out.push("a figure has no role");
    for (const e of all("img")) if (!e.alt.trim()) out.push("an image has no alt text");
    for (const t of all("table")) {
      if (!t.caption?.textContent.trim()) out.push("a table has no caption");
      if (t.querySelector("th:not([scope])")) out.push(`a heading of "${t.caption?.textContent}" has no scope`);
    }
    const wide = document.documentElement.scrollWidth - innerWidth;
    if (wide > 0) out.push(`the page is ${wide} pixels wider than the window`);
    return out;
  });
  for (const f of found) fail(where, f);
}

// contrast measures text against what is behind it: 4.5 to 1 (WCAG AA).
async function contrast(page, where) {
  const found = await page.evaluate(() => {
    const rgb = (s) => s.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => [r, g, b].map((v) => v / 255).map((v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
    const behind = (e) => {
      for (; e; e = e.parentElement) {
        const c = rgb(getComputedStyle(e).backgroundColor);
        if (c.length === 3 || c[3] === 1) return c;
      }
      return [255, 255, 255];
    };
    const out = new Set();
    for (const e of document.querySelectorAll("body *")) {
      if (e.closest("svg,.plot,script,[hidden]") || !e.checkVisibility()) continue;
      if (![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
      const a = light(rgb(getComputedStyle(e).color)), b = light(behind(e));
      const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      if (ratio < 4.5) out.add(`contrast ${ratio.toFixed(2)} of ${e.tagName.toLowerCase()} "${e.textContent.trim().slice(0, 30)}"`);
    }
    return [...out];
  });
  for (const f of found) fail(where, f);
}

// keyboard checks the skip link, the theme button and that details open.
async function keyboard(page, where) {
  await page.keyboard.press("Tab");
  if (!(await page.evaluate(() => document.activeElement.matches(".skip")))) fail(where, "the first Tab does not reach the skip link");
  await page.keyboard.press("Enter");
  if ((await page.evaluate(() => document.activeElement.id)) !== "main") fail(where, "the skip link does not lead to the report");
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const seen = new Set();
  await page.focus("#theme");
  for (let i = 0; i < 3; i++) {
    seen.add(await paper());
    await page.keyboard.press("Enter");
  }
  if (seen.size !== 2) fail(where, `the theme button shows ${seen.size} themes`);
  const details = page.locator("details:not([open]) > summary").first();
  if (await details.count()) {
    const handle = await details.elementHandle();
    await handle.focus();
    await page.keyboard.press("Enter");
    if (!(await handle.evaluate((e) => e.parentElement.open))) fail(where, "details do not open from the keyboard");
    await page.keyboard.press("Enter");
  }
}

// explore moves the slider with the keyboard: every panel must follow.
async function explore(page, where) {
  const ids = await page.evaluate(() => [...document.querySelectorAll(".explore")].map((e) => e.id));
  if (ids.length === 0) fail(where, "there is nothing interactive");
  for (const id of ids) {
    const root = page.locator(`#${id}`);
    if (!(await root.isVisible())) {
      fail(where, `${id} does not show although Plotly.js is there`);
      continue;
    }
    await page.waitForFunction((id) => [...document.querySelectorAll(`#${id} .plot`)].every((d) => d.data?.length && d.querySelector("svg,canvas")), id);
    const markers = () => page.evaluate((id) => [...document.querySelectorAll(`#${id} .plot`)].map((d) => [d.dataset.panel, JSON.stringify([d.data.at(-1).x[0], d.data.at(-1).y[0]])]), id);
    const before = await markers();
    await page.focus(`#${id}-slider`);
    for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
    await page.waitForFunction((id) => document.getElementById(`${id}-slider`).value === "5", id);
    // A slow machine takes longer to draw; markers that stay are reported below.
    await page.waitForFunction(({ id, before }) => [...document.querySelectorAll(`#${id} .plot`)].every((d, i) => JSON.stringify([d.data.at(-1).x[0], d.data.at(-1).y[0]]) !== before[i][1]), { id, before }, { timeout: 10000 }).catch(() => {});
    const after = await markers();
    after.forEach(([panel, at], i) => {
      if (at === before[i][1]) fail(where, `${id}: the marker of ${panel} does not move`);
    });
    if (!(await page.locator(`#${id}-readout`).textContent()).includes(`Step ${await page.locator(`#${id}-step`).textContent()}`)) fail(where, `${id}: the numbers are not those of the step`);
    await root.getByRole("button", { name: "Play" }).click();
    await page.waitForTimeout(700);
    await root.getByRole("button", { name: "Pause" }).click();
    if (+(await page.inputValue(`#${id}-slider`)) <= 5) fail(where, `${id}: it does not play`);
  }
}

// shoot keeps the page in slices of a readable height. A window of that height is
// scrolled: a picture of the whole page would be made anew for every slice.
async function shoot(page, base) {
  const before = page.viewportSize();
  const slice = 1800;
  await page.setViewportSize({ width: before.width, height: slice });
  const height = await page.evaluate(() => document.documentElement.scrollHeight);
  for (let y = 0, k = 1; y < height; y += slice, k++) {
    await page.evaluate((y) => scrollTo(0, y), y);
    await page.screenshot({ path: `${base}-${k}.png` });
  }
  await page.setViewportSize(before);
}
