// The page of a lesson. `run(x)` computes the graph: values v, derivatives d, local derivatives e, contributions at forks c.
const $ = id => document.getElementById(id);
const boxes = LESSON.boxes, count = boxes.length;
const start = LESSON.inputs.flatMap(input => input.at);
const groups = [...document.querySelectorAll(".picture g[data-box]")];
const along = [...document.querySelectorAll(".picture text[data-edge]")];
const forward = boxes.map((_, n) => n), backward = boxes.map((_, n) => count - 1 - n).filter(n => n === count - 1 || boxes[n].steps.length);
const total = forward.length + backward.length;
let x = [...start], at = total, language = "en", answered = new Map();

const say = (key, put = {}) => LESSON.messages[language][key].replace(/\{(\w+)\}/g, (_, name) => put[name]);

function show(v, few = 4) { // as Python writes six digits
  if (Array.isArray(v)) return `[${v.slice(0, few).map(n => show(n)).join(", ")}${v.length > few ? ", …" : ""}]`;
  if (v !== v) return "nan";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : "-inf";
  if (v === 0) return "0";
  const [digits, power] = v.toExponential(5).split("e"), e = Number(power);
  const trim = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (e < -4 || e >= 6) return `${trim(digits)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  return trim(v.toFixed(5 - e));
}
const one = (values, box, few = 4) => box.shape.length ? show(values, few) + ` (${box.shape.join(", ")}${box.shape.length === 1 ? "," : ""})` : show(values[0]);
const LONGEST = 44; // characters of a line in a box
const glimpse = (before, values, box) => before + one(values, box, [4, 3, 2, 1].find(few => (before + one(values, box, few)).length <= LONGEST) ?? 1);
const operand = v => v < 0 || Object.is(v, -0) ? `(${show(v)})` : show(v);

function put(template, r) { // numbers into a formula; without parentheses where they stand alone or between those of a function
  if (!template.includes("⟦")) return "";
  return template.replace(/(^|\(|, )?⟦([vd])(\d+)⟧(?=($|\)|,)?)/g, (_, before, kind, n, after) => {
    const number = (kind === "v" ? r.v : r.d)[n][0];
    return (before ?? "") + (before !== undefined && after !== undefined ? show(number) : operand(number));
  });
}

function chain(parts) { // what is said twice is said where it comes last
  return parts.filter((part, k) => part && parts.lastIndexOf(part) === k);
}

function line(name, parts, number) {
  const item = document.createElement("span"), last = document.createElement("span");
  item.textContent = [name, ...chain(parts.filter(part => part !== number))].join(" = ") + " = ";
  last.className = "number";
  last.textContent = number;
  const whole = document.createElement("span");
  whole.append(item, last);
  return whole;
}

function fork(c) { return c.length > 1 && c.length < 5 ? c.map((v, k) => k ? operand(v) : show(v)).join(" + ") : ""; }

function fit(text) { // a number longer than the box is drawn narrower
  text.removeAttribute("textLength");
  const frame = text.parentNode.querySelector(".box"), room = frame.getBBox().width - 12;
  if (room > 0 && text.getComputedTextLength() > room) { text.setAttribute("textLength", room); text.setAttribute("lengthAdjust", "spacingAndGlyphs"); }
}

function hover(g, text) {
  let title = g.querySelector("title");
  if (!title) { title = document.createElementNS("http://www.w3.org/2000/svg", "title"); g.prepend(title); }
  title.textContent = text;
}

function reached(n) { return { value: at > n, slope: at > count + backward.indexOf(n) && backward.includes(n) }; }

function mode() { return $("mode").value; }

const blankable = n => mode() === "blank" && !boxes[n].shape.length && n !== count - 1; // a number to fill in

function draw() {
  const r = run(x), blank = mode() === "blank";
  groups.forEach(g => {
    const n = Number(g.dataset.box), seen = reached(n), value = g.querySelector(".value"), slope = g.querySelector(".slope");
    value.textContent = glimpse("= ", r.v[n], boxes[n]);
    const sum = fork(r.c[n]), short = glimpse(`${boxes[n].derivative} = `, r.d[n], boxes[n]), told = sum ? `${boxes[n].derivative} = ${sum} = ${one(r.d[n], boxes[n])}` : short;
    slope.textContent = blankable(n) && !answered.get(n) ? `${boxes[n].derivative} = ?` : told.length > LONGEST ? short : told;
    value.classList.toggle("hidden", !seen.value);
    slope.classList.toggle("hidden", !seen.slope && !blank);
    g.classList.toggle("now", at > 0 && (at <= count ? n === at - 1 : n === backward[at - count - 1]));
    fit(value); fit(slope);
    hover(g, `d${LESSON.output}/d${boxes[n].name} = ${seen.slope && !(blankable(n) && !answered.get(n)) ? one(r.d[n], boxes[n]) : "?"}`);
  });
  along.forEach(text => {
    const [k, n] = text.dataset.edge.split("-").map(Number), number = r.e[n][boxes[n].uses.indexOf(k)];
    text.textContent = number === null || number === undefined ? "" : show(number);
    text.classList.toggle("hidden", !reached(k).slope || blank);
  });
  $("values").replaceChildren(...forward.filter(n => boxes[n].formula || boxes[n].kind === "parameter").map(n => {
    const item = document.createElement("li"), b = boxes[n], number = one(r.v[n], b);
    item.append(line(b.name, [b.formula, put(b.numbers, r)], number));
    item.className = reached(n).value ? (at === n + 1 ? "now" : "") : "hidden";
    return item;
  }));
  const filled = blank && document.activeElement?.dataset?.fill;
  if (!filled) $("slopes").replaceChildren(...backward.map((n, k) => slopeItem(r, n, k, blank)));
  const shown = document.querySelectorAll("#values li:not(.hidden), #slopes li:not(.hidden)"); // what a screen reader says of the picture
  document.querySelector(".picture desc").textContent = [...shown].map(item => item.textContent).join("\n");
  $("step").textContent = say("step", { at, count: total });
  nudge(r);
  question(r);
  remember();
}

function slopeItem(r, n, k, blank) {
  const item = document.createElement("li"), b = boxes[n], number = one(r.d[n], b);
  if (blankable(n)) {
    const input = document.createElement("input"), label = document.createElement("label");
    input.dataset.fill = n;
    input.inputMode = "decimal";
    input.value = answered.get(n) ? number : "";
    label.append(`${b.derivative} = `, input);
    input.addEventListener("change", () => {
      const right = near(Number(input.value.replace(",", ".")), run(x).d[n][0]) && input.value.trim() !== "";
      right ? answered.set(n, true) : answered.delete(n);
      item.className = right ? "right" : "wrong";
      input.blur();
      draw();
    });
    item.append(label);
    item.className = answered.get(n) ? "right" : "";
    return item;
  }
  const [formula, short] = b.steps, sum = fork(r.c[n]), numbers = put(b.put, r); // a fork is added up where its own formula stands
  item.append(line(b.derivative, short ? [formula, sum, short, numbers] : [formula, numbers, sum], number));
  item.className = reached(n).slope || blank ? (at === count + k + 1 ? "now" : "") : "hidden";
  return item;
}

const near = (guess, number) => Math.abs(guess - number) <= 0.005 * Math.max(Math.abs(number), 1e-9) + 5e-4 * (Math.abs(number) >= 0.1);

function question(r) { // before a derivative is revealed it is asked for
  const n = backward[at - count], asks = mode() === "predict" && at >= count && at < total && !boxes[n].shape.length;
  $("question").hidden = !asks;
  if (asks) $("asked").textContent = say("ask", { name: boxes[n].derivative });
}

function judge(event) {
  event.preventDefault();
  const n = backward[at - count], number = run(x).d[n][0], text = $("guess").value.trim(), guess = Number(text.replace(",", "."));
  if (text === "" || guess !== guess) return;
  if (near(guess, number)) { $("judged").textContent = say("right", { name: boxes[n].derivative, number: show(number) }); move(at + 1); }
  else $("judged").textContent = say("wrong", { guess: text, side: say(guess > number ? "large" : "small") });
}

function nudge(r) {
  const k = Number($("nudged").value) || 0, h = 10 ** -Number($("h").value), moved = [...x];
  moved[k] += h;
  const before = r.v[count - 1][0], after = run(moved).v[count - 1][0], slope = (after - before) / h;
  const names = labels(), exact = flatSlopes(r)[k], told = v => Number(v.toPrecision(10)).toString();
  $("hshown").textContent = h.toExponential(0).replace("e+0", "").replace(/^1e-([0-4])$/, (_, n) => (10 ** -n).toString());
  const rows = [
    [say("moved", { output: LESSON.output, before: told(before), after: told(after) }), ""],
    [say("slope", { before: before < 0 ? `(${told(before)})` : told(before), after: told(after), h: $("hshown").textContent }), told(slope)],
    [say("exact", { name: names[k].derivative }), told(exact)],
    [say("apart"), show(Number(Math.abs(slope - exact).toPrecision(3)))],
  ];
  $("nudge").replaceChildren(...rows.flatMap(([what, number]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = what;
    dd.textContent = number;
    return [dt, dd];
  }));
}

const flatSlopes = r => LESSON.inputs.flatMap(input => r.d[input.box]);
const labels = () => LESSON.inputs.flatMap(input => input.at.map((_, k) => {
  const wide = input.shape[1], index = wide === undefined ? (input.shape.length ? `[${k}]` : "") : `[${Math.floor(k / wide)}, ${k % wide}]`;
  return { name: input.name + index, derivative: boxes[input.box].derivative + index };
}));

function sliders() {
  $("sliders").replaceChildren(...labels().map(({ name }, k) => {
    const label = document.createElement("label"), range = document.createElement("input"), number = document.createElement("input");
    const reach = Math.max(5, 2 * Math.abs(start[k]));
    Object.assign(range, { type: "range", min: -reach, max: reach, step: reach / 500, value: x[k] });
    Object.assign(number, { type: "number", step: "any", value: Number(x[k].toPrecision(6)) });
    range.setAttribute("aria-label", name);
    number.setAttribute("aria-label", name);
    const set = (value, other) => { if (value === "" || !Number.isFinite(Number(value))) return; x[k] = Number(value); other.value = Number(x[k].toPrecision(6)); answered.clear(); draw(); };
    range.addEventListener("input", () => set(range.value, number));
    number.addEventListener("input", () => set(number.value, range));
    label.append(name, range, number);
    return label;
  }));
  const chosen = $("nudged").value;
  $("nudged").replaceChildren(...labels().map(({ name }, k) => new Option(name, k)));
  if (chosen) $("nudged").value = chosen;
}

function move(to) {
  at = Math.max(0, Math.min(total, to));
  $("guess").value = "";
  draw();
  const frame = document.querySelector(".picture"), now = frame.querySelector(".now")?.getBoundingClientRect(), seen = frame.getBoundingClientRect();
  if (now && (now.left < seen.left || now.right > seen.right)) frame.scrollLeft += (now.left + now.right - seen.left - seen.right) / 2;
}

function remember() { // the state is the address: a link opens the page as it is
  const state = new URLSearchParams({ x: x.join(","), step: at, mode: mode(), lang: language });
  try { history.replaceState(null, "", "#" + state); } catch { /* a page in a frame may not */ }
  if (parent !== window) parent.postMessage({ dvar: { x, step: at, height: document.body.offsetHeight + 48 } }, "*");
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  const given = (state.get("x") || "").split(",").map(Number);
  if (given.length === start.length && state.has("x") && given.every(Number.isFinite)) x = given;
  if (/^\d+$/.test(state.get("step") || "")) at = Math.min(total, Number(state.get("step")));
  if (["watch", "predict", "blank"].includes(state.get("mode"))) $("mode").value = state.get("mode");
  const wanted = state.get("lang") || new URLSearchParams(location.search).get("lang") || (navigator.language || "en").slice(0, 2);
  language = wanted in LESSON.messages ? wanted : "en";
}

function translate() {
  document.documentElement.lang = language;
  document.querySelectorAll("[data-say]").forEach(e => { if (e.dataset.say in LESSON.messages[language]) e.textContent = say(e.dataset.say); });
  for (const id of ["first", "back", "next", "last"]) { $(id).title = say(id); $(id).setAttribute("aria-label", say(id)); }
  for (const id of ["reset", "check", "reveal"]) $(id).textContent = say(id);
  for (const option of $("mode").options) option.textContent = say(option.value);
  const name = say("title", { output: LESSON.output });
  document.title = name;
  document.querySelector("h1").textContent = name;
  const caption = document.querySelector(".picture text.caption");
  if (caption) caption.textContent = say("caption", { output: LESSON.output, name: boxes[0].name, derivative: boxes[0].derivative });
  $("language").value = language;
}

const picture = document.querySelector(".picture svg");
picture.style.setProperty("--wide", `${picture.getAttribute("width")}px`);
$("language").replaceChildren(...Object.entries(LESSON.languages).map(([key, name]) => new Option(name, key)));
recall();
translate();
sliders();
draw();
$("language").addEventListener("change", () => { language = $("language").value; translate(); draw(); });
$("mode").addEventListener("change", () => { answered.clear(); $("judged").textContent = ""; move(mode() === "predict" ? count : total); });
$("first").addEventListener("click", () => move(0));
$("back").addEventListener("click", () => move(at - 1));
$("next").addEventListener("click", () => move(at + 1));
$("last").addEventListener("click", () => move(total));
$("reset").addEventListener("click", () => { x = [...start]; answered.clear(); sliders(); draw(); });
$("question").addEventListener("submit", judge);
$("reveal").addEventListener("click", () => { const n = backward[at - count]; $("judged").textContent = `${boxes[n].derivative} = ${one(run(x).d[n], boxes[n])}`; move(at + 1); });
for (const id of ["nudged", "h"]) $(id).addEventListener("input", () => nudge(run(x)));
addEventListener("keydown", event => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -total, End: total }[event.key];
  if (step) { event.preventDefault(); move(at + step); }
});
addEventListener("hashchange", () => { recall(); translate(); sliders(); draw(); });
let wide = 0; // opened where it cannot be seen yet, a page has no width: then nothing can be measured
new ResizeObserver(([page]) => { if (page.contentRect.width !== wide) { wide = page.contentRect.width; draw(); } }).observe(document.body);
addEventListener("message", event => { // a notebook says where the sliders are to stand
  if (parent === window || event.source !== parent || !event.data?.dvar) return;
  const { x: given, step } = event.data.dvar;
  if (given.length === start.length && given.every(Number.isFinite)) { x = [...given]; answered.clear(); sliders(); }
  if (Number.isInteger(step)) at = Math.max(0, Math.min(total, step));
  draw();
});
