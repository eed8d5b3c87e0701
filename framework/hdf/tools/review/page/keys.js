// Buttons and keys.

const at = (id) => document.getElementById(id);

export function listen(review) {
  const shown = (action) => () => { if (review.image) action(); };
  const actions = {
    accept: shown(() => review.accept()),
    flag: shown(() => review.flag()),
    reset: shown(() => review.reset()),
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
    at(id).addEventListener("pointerup", () => at(id).blur());
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
  document.addEventListener("keydown", (event) => onKey(event, keys));
  document.addEventListener("keyup", (event) => {
    if (event.key.toLowerCase() === "h") at("stage").classList.remove("hidden");
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") review.load(0).catch(() => {}); // another window may have decided
  });
}

function onKey(event, keys) {
  if (event.ctrlKey || event.metaKey || event.altKey || at("help").open) return;
  const target = event.target;
  if (target === at("note")) {
    if (event.key === "Enter" || event.key === "Escape") target.blur();
    return;
  }
  const native = (target.tagName === "BUTTON" && event.key === "Enter")
    || (target.type === "range" && event.key.startsWith("Arrow"));
  const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (native || !action || (event.repeat && !event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  action();
}
