// A lesson in a notebook: the page in a frame of its own; it says where its sliders stand.
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.setAttribute("sandbox", "allow-scripts");
  frame.style.cssText = "width:100%;height:760px;border:0";
  frame.srcdoc = model.get("page");
  const heard = event => {
    if (event.source !== frame.contentWindow || !event.data || !event.data.dvar) return;
    const { x, step, height } = event.data.dvar;
    model.set("x", x.map(v => Number.isFinite(v) ? v : null));
    model.set("step", step);
    model.save_changes();
    if (height > 0) frame.style.height = `${Math.min(height + 24, 1600)}px`;
  };
  window.addEventListener("message", heard);
  el.append(frame);
  return () => window.removeEventListener("message", heard);
}
export default { render };
