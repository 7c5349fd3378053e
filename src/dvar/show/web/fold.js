// Folding by a click: the page holds a picture for each way to fold, and where a click on a group leads from each of them.
const picture = document.querySelector(".picture svg"), views = [viewed(picture)];
let view = 0;
if (PAGE.packed) picture.setAttribute("role", "group"); // an image has no buttons in it

function viewed(svg) {
  return { size: ["width", "height", "viewBox"].map(key => [key, svg.getAttribute(key)]), drawing: svg.querySelector("g"), said: svg.querySelector("desc").textContent };
}

async function unpack() {
  const bytes = Uint8Array.from(atob(PAGE.packed), c => c.charCodeAt(0)), whole = document.createElement("template");
  whole.innerHTML = await new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
  views.push(...[...whole.content.children].map(viewed));
}

function turn(to) {
  view = to;
  picture.querySelector("g").replaceWith(views[to].drawing);
  picture.querySelector("desc").textContent = views[to].said;
  for (const [key, value] of views[to].size) picture.setAttribute(key, value);
  picture.style.setProperty("--wide", `${picture.getAttribute("width")}px`);
  for (const g of picture.querySelectorAll("[data-fold]")) {
    const open = g.matches(".open"), leads = g.dataset.fold in PAGE.folds[view];
    g.classList.toggle("hidden", open && !leads);
    if (!leads) continue;
    const button = { role: "button", tabindex: 0, "aria-expanded": open, "aria-label": g.querySelector("text").textContent };
    for (const [key, value] of Object.entries(button)) g.setAttribute(key, value);
  }
}

function fold(event) {
  const name = event.target.closest("[data-fold]")?.dataset.fold, to = PAGE.folds[view][name];
  if (!views[to] || (event.type === "keydown" && ![" ", "Enter"].includes(event.key))) return;
  event.preventDefault();
  turn(to);
  picture.dispatchEvent(new Event("folded"));
  [...picture.querySelectorAll("[data-fold]")].find(g => g.dataset.fold === name)?.focus(); // the keyboard stays at the group
}

picture.addEventListener("click", fold);
picture.addEventListener("keydown", fold);
turn(0);
const unpacked = PAGE.packed ? unpack() : Promise.resolve();
