// What every page shares: its words, numbers as Python writes them, rows of what is said and its number.
const $ = id => document.getElementById(id);
let language = document.documentElement.lang;
const say = (key, put = {}) => PAGE.messages[language][key].replace(/\{(\w+)\}/g, (_, name) => put[name]);
const translate = () => document.querySelectorAll("main [data-say]").forEach(e => { e.textContent = say(e.dataset.say); });

function show(v, digits = 6) { // as Python's %g
  if (v === null || v !== v) return "nan";
  if (!Number.isFinite(v)) return v > 0 ? "inf" : "-inf";
  if (v === 0) return "0";
  const [mantissa, power] = v.toExponential(digits - 1).split("e"), e = Number(power);
  const trim = text => text.includes(".") ? text.replace(/\.?0+$/, "") : text;
  if (e < -4 || e >= digits) return `${trim(mantissa)}e${e < 0 ? "-" : "+"}${String(Math.abs(e)).padStart(2, "0")}`;
  return trim(v.toFixed(digits - 1 - e));
}
const brief = v => show(v === null ? v : Number(v.toPrecision(3)));

function made(tag, text = "", name = "") {
  const element = document.createElement(tag);
  element.textContent = text;
  if (name) element.className = name;
  return element;
}

function rows(list, told) { // each: what it is, its number, how that is drawn
  list.replaceChildren(...told.flatMap(([what, number, name]) => [made("dt", what), made("dd", number, name)]));
}

function sized(h) { // the slider of the nudge holds an exponent; it says the size itself
  h.setAttribute("aria-valuetext", show(10 ** -h.value));
  $("hshown").textContent = show(10 ** -h.value);
  return 10 ** -h.value;
}
