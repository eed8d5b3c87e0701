// One box as SVG: a line with a dark border, edges and corners to grip, and a name to move it by.

const SVG = "http://www.w3.org/2000/svg";
const SIDES = { x0: "left", y0: "top", x1: "right", y1: "bottom" };
const CORNERS = ["x0 y0", "x1 y0", "x0 y1", "x1 y1"];
const TAG = 17;

export function svg(kind, attributes, parent) {
  const element = document.createElementNS(SVG, kind);
  set(element, attributes);
  parent?.append(element);
  return element;
}

export function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

export class BoxDrawing {
  constructor(label, colour, parent) {
    this.label = label;
    this.words = label.replaceAll("_", " ");
    this.group = svg("g", { "data-label": label }, parent);
    this.halo = svg("rect", { class: "halo" }, this.group);
    this.line = svg("rect", { class: "line", stroke: colour }, this.group);
    this.tag = svg("g", { class: "tag", "data-edges": "all" }, this.group);
    this.back = svg("rect", { fill: colour, height: TAG, rx: 2 }, this.tag);
    this.text = svg("text", {}, this.tag);
    this.text.textContent = this.words;
    this.grips = Object.entries(SIDES).map(([edge, side]) => this.grip(edge, side));
    this.corners = CORNERS.map((edges) =>
      svg("rect", { class: "corner", "data-edges": edges, fill: colour, width: 7, height: 7 }, this.group));
  }

  grip(edge, side) {
    return svg("line", {
      class: "grip",
      "data-edges": edge,
      tabindex: 0,
      role: "slider",
      "aria-label": `${this.words}, ${side} edge`,
      "aria-orientation": edge.startsWith("x") ? "horizontal" : "vertical",
      "aria-valuemin": 0,
    }, this.group);
  }

  hide() {
    this.group.setAttribute("display", "none");
  }

  // `onStage` gives the same box in the stage's pixels.
  draw(box, onStage, [height, width], isActive) {
    const [x0, y0, x1, y1] = onStage;
    const at = { x0, y0, x1, y1 };
    this.group.removeAttribute("display");
    this.group.classList.toggle("active", isActive);
    const frame = { x: x0, y: y0, width: x1 - x0, height: y1 - y0 };
    set(this.halo, frame);
    set(this.line, frame);
    this.grips.forEach((grip, i) => {
      const edge = grip.dataset.edges;
      const across = edge.startsWith("x");
      set(grip, across ? { x1: at[edge], x2: at[edge], y1: y0, y2: y1 } : { x1: x0, x2: x1, y1: at[edge], y2: at[edge] });
      set(grip, { "aria-valuenow": box[i], "aria-valuemax": across ? width : height });
    });
    this.corners.forEach((corner) => {
      const [x, y] = corner.dataset.edges.split(" ");
      set(corner, { x: at[x] - 3.5, y: at[y] - 3.5 });
    });
    const long = this.words.length * 7 + 10;
    const top = Math.max(y0 - TAG - 4, 2);
    set(this.back, { x: x0 + 8, y: top, width: long });
    set(this.text, { x: x0 + 13, y: top + TAG - 5 });
  }
}
