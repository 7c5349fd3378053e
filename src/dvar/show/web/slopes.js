// A point to drag along f; the triangle of a nudge; the exact derivative.
const plot = new Plot($("plot"));
const f = v => run([v]).v;
let low = -4, high = 4;
let a = [2, 0.5, 0.25, 1, -0.5, -2, 3.5].find(v => Object.values(run([v])).every(Number.isFinite)) ?? 2; // where f is defined, if it is

function range() { // of f over what is seen, without its poles
  const seen = [];
  for (let k = 0; k <= 200; k++) { const y = f(low + (high - low) * k / 200); if (Number.isFinite(y)) seen.push(y); }
  if (!seen.length) return [-1, 1];
  seen.sort((p, q) => p - q);
  let [bottom, top] = [seen[Math.floor(seen.length * 0.02)], seen[Math.ceil(seen.length * 0.98) - 1]];
  if (top - bottom < 1e-9) { bottom -= 1; top += 1; }
  const more = (top - bottom) * 0.12;
  return [bottom - more, top + more];
}

function jumps(x, next) { // whether f jumps between: halving the way, the step stays
  const step = (p, q) => Math.abs(f(q) - f(p)), first = step(x, next);
  for (let k = 0; k < 30; k++) {
    const middle = (x + next) / 2;
    if (step(x, middle) > step(middle, next)) next = middle; else x = middle;
  }
  return step(x, next) > first / 2;
}

function curve([bottom, top]) { // points of f, with a gap at each jump that is seen
  const points = Array.from({ length: 641 }, (_, k) => { const x = low + (high - low) * k / 640; return [x, f(x)]; });
  return points.flatMap(([x, y], k) => {
    const [next, then] = points[k + 1] ?? [x, y], steep = Math.abs(then - y) > (top - bottom) / 100;
    return steep && jumps(x, next) ? [[x, y], [x, NaN]] : [[x, y]];
  });
}

function draw() {
  const h = sized($("h")), { v, d } = run([a]), next = f(a + h), slope = (next - v) / h;
  const name = PAGE.input, out = PAGE.output, seen = range();
  plot.clear(low, high, ...seen);
  plot.line(curve(seen), "curve");
  plot.line([[low, v + slope * (low - a)], [high, v + slope * (high - a)]], "secant");
  plot.line([[low, v + d * (low - a)], [high, v + d * (high - a)]], "tangent");
  plot.line([[a, v], [a + h, v], [a + h, next]], "rise");
  if (plot.x(a + h) - plot.x(a) > 30 && Number.isFinite(next - v)) { // the triangle is as large as h is; a small one is too small to write on
    svg("text", { class: "said", x: (plot.x(a) + plot.x(a + h)) / 2, y: plot.y(v) + (next > v ? 18 : -8), "text-anchor": "middle" }, plot.host, `h = ${show(h)}`);
    plot.say(plot.x(a + h), (plot.y(v) + plot.y(next)) / 2 + 4, `${out}: ${next < v ? "−" : "+"}${show(Math.abs(next - v), 4)}`);
  }
  if (Number.isFinite(v)) svg("circle", { class: "point", id: "point", r: 9, cx: plot.x(a), cy: plot.y(v) }, plot.host);
  $("undefined").textContent = Number.isNaN(v) ? say("undefined", { output: out }) : "";
  rows($("numbers"), [
    [name, show(a), "value"], [`${out}(${name})`, show(v, 10), "value"], [`${out}(${name} + h)`, show(next, 10), "value"],
    ["┄ " + say("slope", { before: `${out}(${name})`, after: `${out}(${name} + h)`, h: "h" }), show(slope, 10)],
    ["━ " + say("exact", { name: `d${name}` }), show(d, 10)], [say("apart"), brief(Math.abs(slope - d))],
  ]);
  for (const [key, said] of Object.entries({ label: name, valuemin: show(low), valuemax: show(high), valuenow: a,
    valuetext: `${name} = ${show(a)}, ${out} = ${show(v)}, d${name} = ${show(d)}` })) $("plot").setAttribute(`aria-${key}`, said);
}

function set(to) { a = Math.max(low, Math.min(high, Number(to.toPrecision(6)))); draw(); }
translate();
$("formula").textContent = PAGE.derivative;
$("told").textContent = say("slopes_told", { input: PAGE.input, output: PAGE.output });
$("plot").addEventListener("pointerdown", event => { $("plot").setPointerCapture(event.pointerId); set(plot.at(event)[0]); });
$("plot").addEventListener("pointermove", event => { if (event.buttons) set(plot.at(event)[0]); });
$("plot").addEventListener("wheel", event => { event.preventDefault(); const k = event.deltaY > 0 ? 1.25 : 0.8; [low, high] = [a + (low - a) * k, a + (high - a) * k]; draw(); }, { passive: false });
$("plot").addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
  if (step) { event.preventDefault(); set(a + step * (high - low) / 100); }
});
$("h").addEventListener("input", draw);
draw();
