// Buttons and keys.

const at = (id) => document.getElementById(id);

export function listen(review) {
  const shown = (action) => () => { if (review.image) action(); };
  const actions = {
    accept: shown(() => review.accept()),
    flag: shown(() => review.flag()),
    reset: shown(() => review.reset()),
    undo: () => review.undo(),
    redo: () => review.redo(),
    previous: shown(() => review.go(-1)),
    next: shown(() => review.go(1)),
    "help-open": () => at("help").showModal(),
    "conflict-mine": () => review.settle(true),
    "conflict-theirs": () => review.settle(false),
  };
  for (const [id, action] of Object.entries(actions)) {
    at(id).addEventListener("click", (event) => {
      if (event.detail > 0) at(id).blur(); // so that Enter accepts, after a click too
      action();
    });
  }
  const light = () => review.stage.light(at("brightness").value, at("contrast").value);
  for (const id of ["brightness", "contrast"]) {
    at(id).addEventListener("input", light);
    at(id).addEventListener("pointerup", () => leave(at(id)));
    at(id).addEventListener("dblclick", () => { at(id).value = 1; light(); });
  }
  at("note").addEventListener("change", shown(() => review.write(at("note").value)));
  const keys = {
    Enter: actions.accept,
    f: actions.flag,
    r: actions.reset,
    ArrowLeft: actions.previous,
    ArrowRight: actions.next,
    n: () => at("note").focus(),
    h: () => at("stage").classList.add("hidden"),
    "?": actions["help-open"],
    "+": () => review.stage.zoom(1.5),
    "=": () => review.stage.zoom(1.5),
    "-": () => review.stage.zoom(1 / 1.5),
    0: () => review.stage.fit(),
  };
  review.stage.drawings.forEach(({ label }, i) => { keys[i + 1] = () => review.stage.activate(label); });
  const withControl = { z: (event) => (event.shiftKey ? review.redo() : review.undo()), y: actions.redo };
  document.addEventListener("keydown", (event) => onKey(event, event.ctrlKey || event.metaKey ? withControl : keys));
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "h") at("stage").classList.remove("hidden");
  });
  document.addEventListener("focusin", ({ relatedTarget }) => { cameFrom = relatedTarget?.closest?.(".grip"); });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") review.load(0).catch(() => {}); // another window may have decided
  });
}

let cameFrom; // the edge of a box that had the focus before

// Arrow keys go on with the edge that they moved before a field had the focus.
function leave(field) {
  const edge = cameFrom;
  field.blur();
  edge?.focus();
}

function onKey(event, keys) {
  if (event.altKey || at("help").open) return;
  const target = event.target;
  if (target === at("note")) {
    if (event.key === "Enter" || event.key === "Escape") leave(target);
    return;
  }
  const native = (target.tagName === "BUTTON" && event.key === "Enter")
    || (target.type === "range" && event.key.startsWith("Arrow"));
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (native || !action || (event.repeat && !event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  action(event);
}
