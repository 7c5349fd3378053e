// A lesson, as it is moved: sliders, the nudge, steps, questions; and its state, which is its address.
const labels = () => PAGE.inputs.flatMap(input => input.at.map((_, k) => {
  const wide = input.shape[1], index = wide === undefined ? (input.shape.length ? `[${k}]` : "") : `[${Math.floor(k / wide)}, ${k % wide}]`;
  return { name: input.name + index, derivative: boxes[input.box].derivative + index, box: input.box, k, last: input.last };
}));

function sliders() {
  $("sliders").replaceChildren(...labels().map(({ name, last }, k) => {
    const label = made("label", name), range = made("input"), number = made("input");
    const picks = last !== null; // a[y]: y is one of the numbers 0 … last
    const reach = Math.max(5, 2 * Math.abs(start[k]));
    Object.assign(range, { type: "range", min: -reach, max: reach, step: reach / 500, value: x[k], ariaLabel: name });
    if (picks) Object.assign(range, { min: 0, max: last, step: 1, value: x[k] });
    Object.assign(number, { type: "number", step: picks ? 1 : "any", value: Number(x[k].toPrecision(6)), ariaLabel: name });
    const fits = v => Number.isFinite(v) && (!picks || (Number.isInteger(v) && v >= 0 && v <= last));
    const set = (value, other) => { if (value === "" || !fits(Number(value))) return; x[k] = Number(value); other.value = Number(x[k].toPrecision(6)); guesses.clear(); draw(); };
    range.addEventListener("input", () => set(range.value, number));
    number.addEventListener("input", () => set(number.value, range));
    label.append(range, number);
    return label;
  }));
  const chosen = $("nudged").value;
  $("nudged").replaceChildren(...labels().flatMap(({ name, last }, k) => last === null ? [new Option(name, k)] : []));
  if (chosen) $("nudged").value = chosen;
}

function nudge(r) { // the exact derivative only where it is revealed; the slope, which nearly is it, where it is not to be found
  const k = Number($("nudged").value) || 0, h = sized($("h")), input = labels()[k], moved = [...x];
  moved[k] += h;
  const before = r.v[count - 1][0], after = run(moved).v[count - 1][0], slope = (after - before) / h;
  const exact = r.d[input.box][input.k], clear = known(input.box, r), told = v => show(v, 10);
  const open = clear || mode() === "watch", then = open ? told(after) : "?";
  rows($("nudge"), [
    [say("moved", { output: PAGE.output, before: told(before), after: then }), ""],
    [say("slope", { before: before < 0 ? `(${told(before)})` : told(before), after: then, h: show(h) }), open ? told(slope) : "?"],
    [say("exact", { name: input.derivative }), clear ? told(exact) : "?"],
    [say("apart"), clear ? brief(Math.abs(slope - exact)) : "?"],
  ]);
}

function move(to) {
  at = Math.max(0, Math.min(total, to));
  $("guess").value = "";
  draw();
  const frame = document.querySelector(".picture"), now = frame.querySelector(".now")?.getBoundingClientRect(), seen = frame.getBoundingClientRect();
  if (now && (now.left < seen.left || now.right > seen.right)) frame.scrollLeft += (now.left + now.right - seen.left - seen.right) / 2;
}

function question() { // before a derivative is revealed it is asked for
  const n = order[at], asks = mode() === "predict" && at >= forward.length && at < total && !boxes[n].shape.length;
  $("question").hidden = !asks;
  if (asks) $("asked").textContent = say("ask", { name: boxes[n].derivative });
}

function answer(event) {
  event.preventDefault();
  const found = judged($("guess").value.trim(), order[at], run(x));
  if (!found) return;
  $("judged").textContent = found.said;
  if (found.right) move(at + 1);
}

function reveal() {
  const n = order[at];
  $("judged").textContent = `${boxes[n].derivative} = ${one(run(x).d[n], boxes[n])}`;
  move(at + 1);
}

let hash; // as it was last read or written: one that was changed since is not written over before it is read

function remember() { // a link opens the page as it is
  const state = new URLSearchParams({ x: x.join(","), step: at, mode: mode(), lang: language, ...(view && { fold: view }) });
  if (location.hash === hash) {
    try { history.replaceState(null, "", "#" + state); } catch { /* a page in a frame may not */ }
    hash = location.hash;
  }
  if (parent !== window) parent.postMessage({ dvar: { x, step: at, height: document.body.offsetHeight + 48 } }, "*");
}

function recall() {
  hash = location.hash;
  const state = new URLSearchParams(hash.slice(1));
  const given = (state.get("x") || "").split(",").map(Number);
  if (given.length === start.length && state.has("x") && given.every(Number.isFinite)) x = given;
  if (/^\d+$/.test(state.get("step") || "")) at = Math.min(total, Number(state.get("step")));
  if (["watch", "predict", "blank"].includes(state.get("mode"))) $("mode").value = state.get("mode");
  const fold = state.get("fold") ?? 0;
  unpacked.then(() => { if (views[fold]) { turn(Number(fold)); draw(); } });
  const wanted = state.get("lang") || new URLSearchParams(location.search).get("lang") || PAGE.language || (navigator.language || "en").slice(0, 2);
  language = wanted in PAGE.messages ? wanted : "en";
}

function speak() {
  document.documentElement.lang = language;
  translate();
  for (const id of ["first", "back", "next", "last"]) { $(id).title = say(id); $(id).ariaLabel = say(id); }
  for (const id of ["reset", "check", "reveal"]) $(id).textContent = say(id);
  for (const option of $("mode").options) option.textContent = say(option.value);
  $("nudged").ariaLabel = say("nudge");
  document.querySelector("h1").textContent = document.title = say("title", { output: PAGE.output });
  const caption = document.querySelector(".picture text.caption");
  if (caption) caption.textContent = $("caption").textContent = say("caption", { output: PAGE.output, name: boxes[0].name, derivative: boxes[0].derivative });
  $("language").value = language;
}

$("language").replaceChildren(...Object.entries(PAGE.languages).map(([key, name]) => new Option(name, key)));
recall();
speak();
sliders();
draw();
$("language").addEventListener("change", () => { language = $("language").value; speak(); draw(); });
$("mode").addEventListener("change", () => { guesses.clear(); $("judged").textContent = ""; move(mode() === "predict" ? forward.length : total); });
picture.addEventListener("folded", () => draw());
$("first").addEventListener("click", () => move(0));
$("back").addEventListener("click", () => move(at - 1));
$("next").addEventListener("click", () => move(at + 1));
$("last").addEventListener("click", () => move(total));
$("reset").addEventListener("click", () => { x = [...start]; guesses.clear(); sliders(); draw(); });
$("question").addEventListener("submit", answer);
$("reveal").addEventListener("click", reveal);
for (const id of ["nudged", "h"]) $(id).addEventListener("input", () => nudge(run(x)));
addEventListener("keydown", event => {
  if (event.target.matches("input, select, textarea") || event.ctrlKey || event.metaKey || event.altKey) return;
  const step = { ArrowRight: 1, ArrowLeft: -1, Home: -total, End: total }[event.key];
  if (step) { event.preventDefault(); move(at + step); }
});
addEventListener("hashchange", () => { recall(); speak(); sliders(); draw(); });
let wide = 0; // opened where it cannot be seen yet, a page has no width: then nothing can be measured
new ResizeObserver(([page]) => { if (page.contentRect.width !== wide) { wide = page.contentRect.width; draw(); } }).observe(document.body);
addEventListener("message", event => { // a notebook says where the sliders are to stand
  if (parent === window || event.source !== parent || !event.data?.dvar) return;
  const { x: given, step } = event.data.dvar;
  if (given.length === start.length && given.every(Number.isFinite)) { x = [...given]; guesses.clear(); sliders(); }
  if (Number.isInteger(step)) at = Math.max(0, Math.min(total, step));
  draw();
});
