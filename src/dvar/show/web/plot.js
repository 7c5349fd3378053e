// A plot in SVG: a frame of data coordinates with round numbers along it.
function svg(name, attributes, parent, text) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  parent?.append(made);
  return made;
}

function ticks(low, high) { // about five round numbers
  const step = 10 ** Math.floor(Math.log10((high - low) / 4)), wide = [1, 2, 5, 10].map(k => k * step).find(k => (high - low) / k <= 6);
  const found = [];
  for (let t = Math.ceil(low / wide) * wide; t <= high + 1e-9 * wide; t += wide) found.push(Math.abs(t) < wide * 1e-9 ? 0 : t);
  return found;
}

class Plot { // a frame of data coordinates
  constructor(host, width = 640, height = 420) {
    Object.assign(this, { host, width, height, left: 58, bottom: 30, top: 12, right: 14 });
    host.setAttribute("viewBox", `0 0 ${width} ${height}`);
  }
  clear(x0, x1, y0, y1) {
    Object.assign(this, { x0, x1, y0, y1 });
    this.host.replaceChildren();
    const inside = svg("clipPath", { id: `${this.host.id}-inside` }, svg("defs", {}, this.host));
    svg("rect", { x: this.left, y: this.top, width: this.width - this.left - this.right, height: this.height - this.top - this.bottom }, inside);
    for (const t of ticks(x0, x1)) {
      svg("line", { class: "axis", x1: this.x(t), x2: this.x(t), y1: this.top, y2: this.height - this.bottom }, this.host);
      svg("text", { class: "tick", x: this.x(t), y: this.height - 10, "text-anchor": "middle" }, this.host, show(t));
    }
    for (const t of ticks(y0, y1)) {
      svg("line", { class: "axis", x1: this.left, x2: this.width - this.right, y1: this.y(t), y2: this.y(t) }, this.host);
      svg("text", { class: "tick", x: this.left - 6, y: this.y(t) + 4, "text-anchor": "end" }, this.host, show(t));
    }
  }
  x(v) { return this.left + (v - this.x0) / (this.x1 - this.x0) * (this.width - this.left - this.right); }
  y(v) { return this.height - this.bottom - (v - this.y0) / (this.y1 - this.y0) * (this.height - this.bottom - this.top); }
  say(x, y, text, name = "") { // words beside a place, kept inside the frame
    const anchor = x + 10 + 7 * text.length > this.width ? "end" : "start";
    svg("text", { class: `said ${name}`, x: x + (anchor === "end" ? -8 : 8), y: Math.max(this.top + 12, Math.min(this.height - this.bottom - 6, y)), "text-anchor": anchor }, this.host, text);
  }
  at(event) { // where the pointer is, in data coordinates
    const box = this.host.getBoundingClientRect(), px = (event.clientX - box.left) * this.width / box.width, py = (event.clientY - box.top) * this.height / box.height;
    return [this.x0 + (px - this.left) / (this.width - this.left - this.right) * (this.x1 - this.x0),
            this.y0 + (this.height - this.bottom - py) / (this.height - this.bottom - this.top) * (this.y1 - this.y0)];
  }
  line(points, name) {
    let path = "", pen = "M";
    for (const [x, y] of points) {
      if (!Number.isFinite(y) || Math.abs(y) > 1e9 * (Math.abs(this.y1) + 1)) { pen = "M"; continue; }
      path += `${pen}${this.x(x).toFixed(1)} ${Math.max(-1e4, Math.min(1e4, this.y(y))).toFixed(1)}`;
      pen = "L";
    }
    return svg("path", { class: name, d: path || "M0 0", "clip-path": `url(#${this.host.id}-inside)` }, this.host);
  }
}
