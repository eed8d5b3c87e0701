// What stands beside the radiograph.

import { ratioOf, sameBoxes } from "./geometry.js";
import { svg } from "./boxes.js";

const at = (id) => document.getElementById(id);
const STATES = { open: "Open", accepted: "Accepted", flagged: "Flagged" };

export class Panel {
  // `toggled` is called with a label and whether it shall have a box.
  constructor(labels, ratioLabels, table, toggled) {
    this.ratioLabels = ratioLabels;
    this.rows = labels.map((label, i) => labelRow(label, i + 1, toggled));
    at("labels").append(...this.rows.map(({ row }) => row));
    at("table").textContent = `Accepted boxes are written to ${table}`;
  }

  show(image, place, order) {
    at("place").textContent = `${place + 1} of ${order.length}${orderOf(order)}`;
    at("name").textContent = image.name;
    at("doubt").hidden = image.doubt === null;
    at("doubt-meter").value = image.doubt ?? 0;
    at("doubt-value").textContent = image.doubt?.toFixed(2) ?? "";
    at("warnings").replaceChildren(...image.warnings.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
    at("note").value = image.note;
    this.update(image);
  }

  // What changes with a box or a decision.
  update(image) {
    const state = at("state");
    state.className = image.state;
    state.textContent = STATES[image.state] + (sameBoxes(image.boxes, image.found) ? "" : ", corrected");
    at("flag").firstChild.textContent = image.state === "flagged" ? "Unflag " : "Flag ";
    for (const { name, check, from } of this.rows) {
      check.checked = name in image.boxes;
      from.textContent = name in image.found || name in image.boxes ? "" : "not found";
    }
    const now = ratioOf(image.boxes, this.ratioLabels);
    const model = ratioOf(image.found, this.ratioLabels);
    at("ratio").textContent = now ? now.ratio.toFixed(2) : "–";
    const changed = now && model && now.ratio.toFixed(2) !== model.ratio.toFixed(2);
    at("ratio-model").textContent = changed ? `model ${model.ratio.toFixed(2)}` : "";
    at("ratio-parts").textContent = now
      ? `heart ${now.heart.toFixed(1)} px / thorax ${now.thorax.toFixed(1)} px`
      : "needs boxes of heart and both lungs";
  }

  counts(images, predicted, total, unreadable) {
    const count = (state) => images.filter((image) => image.state === state).length;
    const [accepted, flagged] = [count("accepted"), count("flagged")];
    const parts = [`${accepted} accepted`, `${flagged} flagged`, `${total - unreadable.length - accepted - flagged} open`];
    if (unreadable.length) parts.push(`${unreadable.length} unreadable`);
    if (predicted < total) parts.push(`predicting ${predicted} of ${total}`);
    at("counts").textContent = parts.join(", ");
    at("counts").title = unreadable.map(({ name, reason }) => `${name}: ${reason}`).join("\n");
    Object.assign(at("progress"), { value: accepted + flagged, max: Math.max(total - unreadable.length, 1) });
  }

  waiting(changes, tries) {
    const text = { 0: "All changes saved", 1: "Saving…" }[changes] ?? `Saving ${changes} changes…`;
    at("saved").classList.toggle("waiting", tries > 0);
    at("saved").textContent = tries ? `Not saved yet: ${changes} kept here until the server answers` : text;
  }
}

// What the ranks of `hdf.tools.review.desk` go by.
function orderOf(order) {
  if (order.some(({ doubt }) => doubt !== null)) return ", most doubtful first";
  return order.some(({ rank }) => rank[1] < 0) ? ", widest intervals first" : "";
}

function labelRow({ name, colour }, number, toggled) {
  const row = document.createElement("label");
  const check = Object.assign(document.createElement("input"), { type: "checkbox" });
  const icon = svg("svg", { viewBox: "0 0 12 12", "aria-hidden": "true" });
  svg("rect", { x: 1, y: 1, width: 10, height: 10, fill: "none", stroke: colour, "stroke-width": 2 }, icon);
  const from = Object.assign(document.createElement("span"), { className: "from" });
  const key = Object.assign(document.createElement("kbd"), { textContent: number });
  row.append(check, icon, name.replaceAll("_", " "), from, key);
  check.addEventListener("change", () => toggled(name, check.checked));
  return { row, name, check, from };
}
