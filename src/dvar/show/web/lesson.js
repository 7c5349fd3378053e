// A lesson, as it is drawn. `run(x)` computes the graph: values v, derivatives d, local derivatives e, contributions at forks c.
const boxes = PAGE.boxes.map(box => ({ derivative: `d${box.name}`, uses: [], shape: [], formula: "", numbers: "", steps: [], put: "", ...box }));
const count = boxes.length;
const start = PAGE.inputs.flatMap(input => input.at);
const every = boxes.map((_, n) => n), given = every.filter(n => !boxes[n].formula); // inputs are known from the start
const forward = every.filter(n => boxes[n].formula), backward = [...every].reverse();
const order = [...forward, ...backward], total = order.length; // of the boxes, as they are told: first values, then derivatives
const stepOf = n => forward.length + backward.indexOf(n) + 1; // the number of a derivative's step
let x = [...start], at = total, guesses = new Map(); // of derivatives to fill in: box → what was typed

function elements(values, [size, ...inner], few = values.length) { // the first few: [1, 2, …], row by row [[1, 2], [3, …], …]
  if (size === undefined) return show(values[0]);
  const told = [], each = values.length / size;
  for (let k = 0; k < size && few > 0; k++, few -= each) told.push(elements(values.slice(k * each, (k + 1) * each), inner, few));
  return `[${[...told, ...(told.length < size ? ["…"] : [])].join(", ")}]`;
}
const one = (values, { shape }, few = 4) => shape.length ? `${elements(values, shape, few)} (${shape.join(", ")}${shape.length === 1 ? "," : ""})` : show(values[0]);
const LONGEST = 44; // characters of a line in a box
const glimpse = (before, values, box) => before + one(values, box, [4, 3, 2, 1].find(few => (before + one(values, box, few)).length <= LONGEST) ?? 1);
const operand = v => v < 0 ? `(${show(v)})` : show(v);

function put(template, r) { // numbers into a formula; without parentheses where they stand alone or between those of a function
  if (!template.includes("⟦")) return "";
  return template.replace(/(^|\(|, )?⟦([vd])(\d+)⟧(?=($|\)|,)?)/g, (_, before, kind, n, after) => {
    const values = (kind === "v" ? r.v : r.d)[n], bare = boxes[n].shape.length || (before !== undefined && after !== undefined);
    return (before ?? "") + (bare ? elements(values, boxes[n].shape) : operand(values[0]));
  });
}

function line(name, parts, number) { // what is said twice is said where it comes last
  const whole = made("span"), told = parts.filter((part, k) => part && part !== number && parts.lastIndexOf(part) === k);
  whole.append(made("span", [name, ...told].join(" = ") + " = "), made("span", number, "number"));
  return whole;
}

function fork(c) { return c.length > 1 && c.length < 5 && !c.some(Number.isNaN) ? c.map((v, k) => k ? operand(v) : show(v)).join(" + ") : ""; }

function fit(text) { // a number longer than the box is drawn narrower
  text.removeAttribute("textLength");
  const frame = text.parentNode.querySelector(".box"), room = frame.getBBox().width - 12;
  if (room > 0 && text.getComputedTextLength() > room) { text.setAttribute("textLength", room); text.setAttribute("lengthAdjust", "spacingAndGlyphs"); }
}

const holds = (g, n) => (g.dataset.lines ?? g.dataset.box).split(" ").some(span => { // a folded box holds lines 2-5 7
  const [first, last = first] = span.split("-").map(Number);
  return first <= n && n <= last;
});

function told_folded(g) { // the first line of a folded box, in the language of the page
  const name = g.dataset.fold, count = boxes.filter((_, n) => holds(g, n)).length;
  const said = say(boxes[g.dataset.box].formula ? "lines" : "inputs_in", { name, count });
  return said.length > LONGEST ? said.slice(0, LONGEST - 1) + "…" : said;
}

function hover(g, text) {
  let title = g.querySelector("title");
  if (!title) { title = document.createElementNS("http://www.w3.org/2000/svg", "title"); g.prepend(title); }
  title.textContent = text;
}

// what is revealed

const mode = () => $("mode").value;
const fills = n => mode() === "blank" && !boxes[n].shape.length && n !== count - 1; // a number to fill in
const valued = n => at > forward.indexOf(n);
const stepped = n => at >= stepOf(n);
const known = (n, r) => mode() === "blank" ? !fills(n) || judged(guesses.get(n), n, r)?.right === true : stepped(n);
const lost = (n, r) => n !== count - 1 && [r.v[count - 1][0], r.d[n][0]].every(Number.isNaN); // no derivative of what is not defined
const near = (guess, number) => Math.abs(guess - number) <= 0.005 * Math.max(Math.abs(number), 1e-9) + 5e-4 * (Math.abs(number) >= 0.1);

const read = text => text.replace(",", ".").replace("−", "-").split("/").map(part => part.trim() ? Number(part) : NaN).reduce((a, b) => a / b); // 1/3, too

function judged(text, n, r) { // of a guess: whether it is right, and what is said of it
  if (!text) return null;
  const number = r.d[n][0], guess = read(text), right = text === show(number) || near(guess, number); // inf and nan are told so
  if (!right && Number.isNaN(guess)) return { right, said: say("no_number", { guess: text }) };
  return { right, said: right ? say("right", { name: boxes[n].derivative, number: show(number) }) : say("wrong", { guess: text, side: say(guess > number ? "large" : "small") }) };
}

// what is drawn

function draw(typing = document.activeElement?.dataset.fill) { // while one types, the inputs stay
  const r = run(x), blank = mode() === "blank", now = order[at - 1];
  picture.querySelectorAll("g[data-box]").forEach(g => {
    const n = Number(g.dataset.box), b = boxes[n], value = g.querySelector(".value"), slope = g.querySelector(".slope"), clear = known(n, r);
    if (g.dataset.fold !== undefined) g.ariaLabel = g.querySelector(".line").textContent = told_folded(g);
    if (value) value.textContent = glimpse(g.dataset.fold === undefined ? "= " : `${b.name} = `, r.v[n], b); // a constant's line has it
    const sum = fork(r.c[n]), short = glimpse(`${b.derivative} = `, r.d[n], b), told = sum ? `${b.derivative} = ${sum} = ${one(r.d[n], b)}` : short;
    slope.textContent = !clear && blank ? `${b.derivative} = ?` : told.length > LONGEST ? short : told;
    value?.classList.toggle("hidden", !valued(n));
    slope.classList.toggle("hidden", !clear && !blank);
    g.classList.toggle("now", holds(g, now));
    [value, slope].filter(Boolean).forEach(fit);
    const whole = g.dataset.fold === undefined && g.querySelector(".line").textContent.endsWith("…") ? `${b.name} = ${b.formula}\n` : "";
    hover(g, `${whole}d${PAGE.output}/d${b.name} = ${clear ? one(r.d[n], b) : "?"}`);
  });
  picture.querySelectorAll("text[data-edge]").forEach(text => {
    const [k, n] = text.dataset.edge.split("-").map(Number), number = lost(k, r) && r.v[n].some(Number.isNaN) ? NaN : r.e[n][boxes[n].uses.indexOf(k)];
    if (!text.textContent.includes(" → ")) text.textContent = Array.isArray(number) ? elements(number, [number.length], 2) : number == null ? "" : show(number); // a map stays
    text.classList.toggle("hidden", !known(k, r));
  });
  $("values").replaceChildren(...[...given, ...forward].map(n => {
    const b = boxes[n], told = line(b.name, [b.formula, put(b.numbers, r)], one(r.v[n], b));
    return item(forward.indexOf(n) + 1, told, valued(n), n === now && at <= forward.length);
  }));
  if (!typing) $("slopes").replaceChildren(...backward.map(n => fills(n) ? blanked(n, r) : sloped(n, r, stepOf(n) === at)));
  const shown = document.querySelectorAll("#values li:not(.hidden), #slopes li:not(.hidden)"); // what a screen reader says of the picture
  document.querySelector(".picture desc").textContent = [...shown].map(item => item.textContent).join("\n");
  $("undefined").textContent = Number.isNaN(r.v[count - 1][0]) && valued(count - 1) ? say("undefined", { output: PAGE.output }) : "";
  $("step").textContent = say("step", { at, count: total });
  nudge(r);
  question();
  remember();
}

function item(step, inside, shown, now) { // numbered as the steps are counted; what is given is no step
  const item = made("li", "", !step ? "given" : !shown ? "hidden" : now ? "now" : "");
  item.value = step;
  item.append(inside);
  return item;
}

function sloped(n, r, now) { // a fork is added up where its own formula stands
  const b = boxes[n], [formula, short] = b.steps, sum = fork(r.c[n]), numbers = put(b.put, r);
  return item(stepOf(n), line(b.derivative, lost(n, r) ? [] : short ? [formula, sum, short, numbers] : [formula, numbers, sum], one(r.d[n], b)), known(n, r), now);
}

function blanked(n, r) { // a derivative to fill in, and what is said of it
  const input = made("input"), label = made("label", `${boxes[n].derivative} = `), said = made("output"), whole = made("li");
  Object.assign(input, { value: guesses.get(n) ?? "", inputMode: "decimal", autocomplete: "off" });
  input.dataset.fill = n;
  const judge = now => {
    const found = judged(guesses.get(n), n, now);
    whole.className = found ? found.right ? "right" : "wrong" : "";
    said.textContent = found?.said ?? "";
    input.setAttribute("aria-invalid", found?.right === false);
  };
  input.addEventListener("change", () => { guesses.set(n, input.value.trim()); judge(run(x)); draw(true); });
  judge(r);
  label.append(input);
  whole.value = stepOf(n);
  whole.append(label, " ", said);
  return whole;
}
