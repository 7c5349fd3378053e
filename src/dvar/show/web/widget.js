// A lesson in a notebook: the page in a frame of its own. It says where its sliders stand, and is told where they are to stand.
function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "dvar";
  frame.setAttribute("sandbox", "allow-scripts");
  frame.style.cssText = "width:100%;height:760px;border:0";
  frame.srcdoc = model.get("page");
  let last = null; // what the page said last; it is not told the same again, nor anything while it speaks
  let listening = false;
  const tell = () => {
    const state = { x: model.get("x"), step: model.get("step") };
    if (!listening && JSON.stringify(state) !== last) frame.contentWindow?.postMessage({ dvar: state }, "*");
  };
  const heard = event => {
    if (event.source !== frame.contentWindow || !event.data || !event.data.dvar) return;
    const { x, step, height } = event.data.dvar, first = last === null;
    const state = { x: x.map(v => Number.isFinite(v) ? v : null), step };
    last = JSON.stringify(state);
    if (height > 0) frame.style.height = `${Math.min(height, 1600)}px`;
    if (first) { tell(); return; } // the sliders may have been moved before this page was opened
    listening = true;
    for (const key of ["x", "step"]) model.set(key, state[key]);
    listening = false;
    model.save_changes();
  };
  window.addEventListener("message", heard);
  model.on("change:x", tell);
  model.on("change:step", tell);
  el.append(frame);
  return () => {
    window.removeEventListener("message", heard);
    model.off("change:x", tell);
    model.off("change:step", tell);
  };
}
export default { render };
