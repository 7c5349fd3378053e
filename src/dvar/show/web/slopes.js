// A point to drag along f; the triangle of a nudge; the exact derivative.
const plot = new Plot($("plot"));
let a = 2, low = -4, high = 4;
const f = v => run([v]).v, slope = v => run([v]).d;

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

function draw() {
  const h = 10 ** -Number($("h").value), { v, d } = run([a]), next = f(a + h), drawn = Math.max(h, (high - low) / 40 * (h < 0.1 ? 0 : 1)) || h;
  plot.clear(low, high, ...range());
  plot.line(Array.from({ length: 641 }, (_, k) => { const x = low + (high - low) * k / 640; return [x, f(x)]; }), "curve");
  plot.line([[low, v + d * (low - a)], [high, v + d * (high - a)]], "tangent");
  plot.line([[a, v], [a + drawn, v], [a + drawn, f(a + drawn)]], "rise");
  svg("circle", { class: "point", id: "point", r: 9, cx: plot.x(a), cy: plot.y(v) }, plot.host);
  const name = SLOPE.input, out = SLOPE.output;
  const rows = [[name, show(a)], [`${out}(${name})`, show(v, 10)], [`${out}(${name} + h)`, show(next, 10)],
    [say("slope", { before: `${out}(${name})`, after: `${out}(${name} + h)` }), show((next - v) / h, 10)],
    [say("exact", { name: `d${name}` }), show(d, 10)], [say("apart"), Math.abs((next - v) / h - d).toExponential(2)]];
  $("numbers").replaceChildren(...rows.flatMap(([what, number]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = what; dd.textContent = number;
    return [dt, dd];
  }));
  $("hshown").textContent = show(h);
  $("plot").setAttribute("aria-label", `${out} = ${show(v)}, d${name} = ${show(d)}, ${name} = ${show(a)}`);
}

function set(to) { a = Math.max(low, Math.min(high, Number(to.toPrecision(6)))); draw(); }
$("formula").textContent = SLOPE.derivative;
$("plot").addEventListener("pointerdown", event => { $("plot").setPointerCapture(event.pointerId); set(plot.at(event)[0]); });
$("plot").addEventListener("pointermove", event => { if (event.buttons) set(plot.at(event)[0]); });
$("plot").addEventListener("wheel", event => { event.preventDefault(); const k = event.deltaY > 0 ? 1.25 : 0.8; [low, high] = [a + (low - a) * k, a + (high - a) * k]; draw(); }, { passive: false });
$("plot").addEventListener("keydown", event => {
  const step = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
  if (step) { event.preventDefault(); set(a + step * (high - low) / 100); }
});
$("h").addEventListener("input", draw);
draw();
