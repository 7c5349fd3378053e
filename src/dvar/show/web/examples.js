// m examples: points or a table; gradient descent live; three programs of one graph beside each other.
const plane = new Plot($("plane"), 560, 460), curve = new Plot($("curve"), 480, 240);
let points = [[-2, -1, 0], [-1.5, 1, 0], [-0.5, -2, 0], [0.2, -0.4, 0], [1.2, 1.3, 0], [-0.4, 0.6, 1], [1, 0.5, 1], [1.5, 2, 1], [2.2, -0.5, 1], [-0.9, -0.6, 1]];
let cursor = null; // where the keyboard would put a point
let mark = 1, trial = null, costs = [], running = false, looping = false, csv = null; // a file as it is, in base 64
const FRAME = 100; // milliseconds of one request for steps: a pause is soon heeded
let measured = null; // the examples on which programs are measured now
let last = Promise.resolve();
const inTurn = work => last = last.then(work, work); // what changes the trial is done in the order in which it was asked
const rate = () => 10 ** Number($("rate").value);

async function ask(path, sent) {
  let ok = false, told = { error: say("gone") }; // unless it answers, and whole
  try {
    const answer = await fetch(path, { method: "POST", headers: { "Content-Type": "application/json", "Accept-Language": language }, body: JSON.stringify(sent) });
    told = await answer.json();
    ok = answer.ok;
  } catch { }
  if (ok) return told;
  $("trouble").textContent = [told.error, told.help].filter(Boolean).join(" → ");
  running = false;
  labels();
  return null;
}

function without(why) { // examples there are none
  running = false;
  inTurn(() => { trial = null; costs = []; $("race").replaceChildren(); $("trouble").textContent = why; draw(); });
}

function begin() {
  running = false;
  inTurn(load);
}

async function load() {
  $("trouble").textContent = "";
  const kind = $("kind").value, sent = { kind, standardise: $("standardise").checked };
  if (kind === "points") sent.points = points;
  if (kind === "csv") { sent.base64 = csv; sent.target = $("target").value; }
  $("race").replaceChildren(); // what was measured was of other examples
  if (kind === "csv" && csv === null) { trial = null; costs = []; draw(); return; }
  trial = await ask("/api/begin", sent);
  costs = trial ? trial.costs : [];
  draw();
  if (trial) race();
}

async function reset() {
  const told = trial && await ask("/api/reset", { id: trial.id });
  if (!told) return;
  Object.assign(trial, told);
  costs = told.costs;
  $("trouble").textContent = "";
  draw();
}

async function steps(count) {
  if (!trial) return;
  const told = await ask("/api/step", { id: trial.id, rate: rate(), steps: count });
  if (!told) return;
  Object.assign(trial, told);
  costs.push(...told.costs);
  const lowest = costs.reduce((low, c) => Math.min(low, c ?? low), costs[0]), lost = told.costs.includes(null);
  if (lost) running = false;
  $("trouble").textContent = lost ? say("diverged", { rate: brief(rate()) }) : told.costs.at(-1) > lowest * 1.001 ? say("rising", { rate: brief(rate()) }) : "";
  draw();
}

async function go() {
  if (looping) return; // paused and on again while a step was on its way
  looping = true;
  let each = FRAME; // milliseconds of a step
  while (running) {
    const started = performance.now(), count = Math.max(1, Math.min(1000, 1 + Math.floor(costs.length / 20), Math.floor(FRAME / each)));
    await inTurn(() => running && steps(count));
    each = (performance.now() - started) / count;
    await new Promise(done => setTimeout(done, Math.max(30 - (performance.now() - started), 0)));
  }
  looping = false;
  labels();
}

async function race() {
  const raced = measured = trial.id;
  labels();
  const told = await ask("/api/race", { id: raced });
  if (measured === raced) measured = null;
  labels();
  if (!told || trial?.id !== raced) return; // of examples that are gone
  const head = ["program", "rows", "pass", "cost", "equal"].map(key => `<th>${say("race_" + key)}</th>`).join("");
  $("race").innerHTML = `<thead><tr>${head}</tr></thead>`;
  for (const r of told) {
    const same = r.differs < 1e-9 * Math.max(1, Math.abs(r.cost));
    tableRow($("race"), r.program === r.asked ? r.asked : `${r.asked} → ${r.program}`, r.m.toLocaleString(language), time(r.seconds), show(r.cost), same ? "✓" : r.differs.toExponential(1));
  }
}

function tableRow(table, ...texts) {
  const row = made("tr");
  row.append(...texts.map(text => made("td", text)));
  table.append(row);
  return row;
}

const time = s => s < 1e-3 ? `${brief(s * 1e6)}\u00a0µs` : s < 1 ? `${brief(s * 1e3)}\u00a0ms` : `${brief(s)}\u00a0s`;

function draw() {
  const pointed = $("kind").value === "points";
  $("plane").toggleAttribute("hidden", !pointed);
  $("coefficients").toggleAttribute("hidden", pointed || !trial);
  for (const [id, shown] of [["upload", $("kind").value === "csv"], ["targeted", $("kind").value === "csv"], ["scaled", !pointed], ["pointed", pointed]]) $(id).hidden = !shown;
  if (pointed) drawPlane(); else if (trial) drawBars();
  const seen = costs.filter(c => c !== null), top = Math.max(...seen, 0.7) * 1.05;
  curve.clear(0, Math.max(costs.length - 1, 10), 0, Number.isFinite(top) ? top : 1);
  curve.line(costs.map((c, k) => [k, c ?? NaN]), "curve");
  if (costs.length === 1) svg("circle", { class: "yes", r: 4, cx: curve.x(0), cy: curve.y(costs[0]) }, curve.host);
  curve.say(curve.width - curve.right, curve.top + 12, say("by_step"));
  $("curve").setAttribute("aria-label", say("by_step"));
  $("state").textContent = trial ? say("descending", { step: trial.steps, cost: show(seen.at(-1) ?? NaN) }) : "";
  rated();
  labels();
}

function drawPlane() {
  plane.clear(-4, 4, -4, 4);
  plane.say(plane.left, plane.top + 14, "x2");
  plane.say(plane.width - plane.right, plane.height - plane.bottom - 6, "x1");
  if (trial && trial.n === 2) {
    const [w1, w2] = trial.w, b = trial.b, at = Math.abs(w2) > Math.abs(w1);
    const ends = [-50, 50].map(v => at ? [v, -(b + w1 * v) / w2] : [-(b + w2 * v) / w1, v]);
    if (ends.flat().every(Number.isFinite)) {
      const far = 60 / Math.hypot(w1, w2);
      plane.line([...ends, ...ends.toReversed().map(([x, y]) => [x + far * w1, y + far * w2])], "side"); // where a > 0.5
      plane.line(ends, "boundary");
      plane.say(plane.left, plane.height - plane.bottom - 6, say("side"));
    }
  }
  if (cursor) svg("path", { class: "rise", d: `M${plane.x(cursor[0]) - 8} ${plane.y(cursor[1])}h16m-8-8v16` }, plane.host);
  for (const [x, y, kind] of points) svg("circle", { class: kind ? "yes" : "no", r: 7, cx: plane.x(x), cy: plane.y(y) }, plane.host);
}

function drawBars() {
  const order = trial.names.map((name, k) => [name, trial.w[k]]).sort((p, q) => Math.abs(q[1]) - Math.abs(p[1])).slice(0, 15);
  const longest = Math.max(...order.map(([, w]) => Math.abs(w)), 1e-9);
  $("coefficients").replaceChildren(made("caption", `${say("coefficient")} w, b = ${show(trial.b, 4)}`));
  for (const [name, w] of order) {
    const bar = made("span", "", w < 0 ? "bar minus" : "bar");
    bar.style.width = `${100 * Math.abs(w) / longest}%`;
    tableRow($("coefficients"), name, show(w, 4), "").lastChild.append(bar);
  }
}

function rated() {
  $("rateshown").textContent = brief(rate());
  $("rate").setAttribute("aria-valuetext", brief(rate()));
}

function labels() {
  $("go").textContent = say(running ? "pause" : "go");
  for (const id of ["one", "again", "clear"]) $(id).textContent = say(id);
  for (const id of ["go", "one", "again"]) $(id).disabled = !trial;
  $("race_again").textContent = say(measured ? "measuring" : "race_again");
  $("race_again").disabled = !trial || measured !== null;
  $("plane").setAttribute("aria-label", say("plane", { yes: points.filter(p => p[2]).length, no: points.filter(p => !p[2]).length }));
  $("yes").textContent = `● ${say("mark", { kind: 1 })}`;
  $("no").textContent = `○ ${say("mark", { kind: 0 })}`;
  $("yes").setAttribute("aria-pressed", mark === 1);
  $("no").setAttribute("aria-pressed", mark === 0);
  for (const option of $("kind").options) option.textContent = say("kind_" + option.value);
}

$("kind").addEventListener("change", begin);
$("standardise").addEventListener("change", begin);
$("target").addEventListener("change", begin);
$("file").addEventListener("change", () => {
  csv = null;
  const reader = new FileReader(), [file] = $("file").files;
  reader.addEventListener("load", () => { csv = reader.result.split(",")[1] ?? ""; begin(); });
  reader.addEventListener("error", () => without(say("unread")));
  if (file && file.size > PAGE.upload) without(say("too_large", { size: file.size.toLocaleString(language), limit: PAGE.upload.toLocaleString(language) }));
  else if (file) reader.readAsDataURL(file);
});
$("plane").addEventListener("click", event => {
  const [x, y] = plane.at(event).map(v => Number(v.toFixed(3)));
  if (Math.abs(x) <= 4 && Math.abs(y) <= 4) { points.push([x, y, event.shiftKey ? 1 - mark : mark]); begin(); }
});
$("plane").addEventListener("keydown", event => { // arrows move a cross, Enter puts a point there
  const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
  if (step) cursor = (cursor || [0, 0]).map((v, k) => Math.max(-4, Math.min(4, Number((v + step[k] * 0.2).toFixed(3)))));
  if (step) { event.preventDefault(); draw(); }
  if (event.key === "Enter" && cursor) { event.preventDefault(); points.push([...cursor, event.shiftKey ? 1 - mark : mark]); begin(); }
});
$("yes").addEventListener("click", () => { mark = 1; labels(); });
$("no").addEventListener("click", () => { mark = 0; labels(); });
$("clear").addEventListener("click", () => { points = []; without(""); });
$("rate").addEventListener("input", rated);
$("go").addEventListener("click", () => { running = !running && trial !== null; labels(); go(); });
$("one").addEventListener("click", () => { running = false; inTurn(() => steps(1)); });
$("again").addEventListener("click", () => { running = false; inTurn(reset); });
$("race_again").addEventListener("click", () => { if (trial) race(); });
translate();
begin();
