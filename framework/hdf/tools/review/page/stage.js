// The radiograph with its boxes: drawing, dragging, zooming.

import { BoxDrawing, set, svg } from "./boxes.js";
import { EDGES, moved, ratioOf, withEdges } from "./geometry.js";

const MARGIN = 12;
const MOST_ZOOM = 12;

export class Stage {
  // `changing` is called while a box is dragged, `changed` once it is let go.
  constructor(root, labels, ratioLabels, { changing, changed }) {
    Object.assign(this, { root, ratioLabels, changing, changed });
    this.film = root.querySelector("#film");
    this.overlay = root.querySelector("#overlay");
    this.bars = ["heart", "thorax"].map(() => [
      svg("line", { class: "halo" }, this.overlay), svg("line", { class: "bar" }, this.overlay)]);
    this.drawings = labels.map(({ name, colour }) => new BoxDrawing(name, colour, this.overlay));
    this.pointers = new Map();
    this.drag = this.nudged = null;
    this.activate(labels[0].name);
    this.listen();
  }

  show(image, element) {
    this.settle();
    this.image = image;
    element.alt = `Radiograph ${image.name}`;
    element.dataset.name = image.name;
    element.style.filter = this.film.style.filter;
    this.film.replaceWith(element);
    this.film = element;
    this.root.classList.remove("empty");
    this.fit();
  }

  light(brightness, contrast) {
    this.film.style.filter = `brightness(${brightness}) contrast(${contrast})`;
  }

  // A label's box is drawn in front of the others, and stronger.
  activate(label) {
    const groups = this.drawings.map(({ group }) => group);
    const chosen = groups.find((group) => group.dataset.label === label);
    groups.filter((group) => group !== chosen).forEach((group) => this.overlay.insertBefore(group, chosen));
    this.emphasize(label);
  }

  emphasize(label) {
    this.active = label;
    this.draw();
  }

  // The whole image in the middle of the stage.
  fit() {
    if (!this.image) return;
    const [height, width] = this.image.size;
    const { clientWidth, clientHeight } = this.root;
    const scale = Math.min((clientWidth - 2 * MARGIN) / width, (clientHeight - 2 * MARGIN) / height);
    this.whole = scale;
    this.view = { scale, x: (clientWidth - scale * width) / 2, y: (clientHeight - scale * height) / 2 };
    this.draw();
  }

  // Enlarge by a factor; the point [x, y] of the stage stays where it is.
  zoom(factor, [x, y] = [this.root.clientWidth / 2, this.root.clientHeight / 2]) {
    if (!this.image) return;
    const scale = Math.min(Math.max(this.view.scale * factor, this.whole), this.whole * MOST_ZOOM);
    const by = scale / this.view.scale;
    this.view = { scale, x: x - (x - this.view.x) * by, y: y - (y - this.view.y) * by };
    if (scale === this.whole) this.fit();
    else this.draw();
  }

  draw() {
    if (!this.image) return;
    const { scale, x, y } = this.view;
    const [height, width] = this.image.size;
    Object.assign(this.film.style, {
      width: `${width * scale}px`, height: `${height * scale}px`, left: `${x}px`, top: `${y}px`,
    });
    for (const drawing of this.drawings) {
      const box = this.image.boxes[drawing.label];
      if (!box) drawing.hide();
      else drawing.draw(box, this.onStage(box), this.image.size, drawing.label === this.active);
    }
    this.drawBars();
  }

  drawBars() {
    const found = ratioOf(this.image.boxes, this.ratioLabels);
    for (const line of this.bars.flat()) line.setAttribute("visibility", found ? "visible" : "hidden");
    if (!found) return;
    const [x0, y0, x1, y1] = this.image.boxes[this.ratioLabels[0]];
    const middle = (y0 + y1) / 2;
    const spans = [[x0, x1, -3], [found.left, found.right, 3]];
    spans.forEach(([from, to, shift], i) => {
      const [left, top, right] = this.onStage([from, middle, to, middle]);
      for (const line of this.bars[i]) set(line, { x1: left, x2: right, y1: top + shift, y2: top + shift });
    });
  }

  onStage([x0, y0, x1, y1]) {
    const { scale, x, y } = this.view;
    return [x0 * scale + x, y0 * scale + y, x1 * scale + x, y1 * scale + y];
  }

  // A pointer's place in the image's pixels.
  inImage(event) {
    const [x, y] = this.place(event);
    return [(x - this.view.x) / this.view.scale, (y - this.view.y) / this.view.scale];
  }

  place(event) {
    const { left, top } = this.root.getBoundingClientRect();
    return [event.clientX - left, event.clientY - top];
  }

  listen() {
    new ResizeObserver(() => this.fit()).observe(this.root);
    this.root.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.zoom(Math.exp(-event.deltaY / 400), this.place(event));
    }, { passive: false });
    this.root.addEventListener("pointerdown", (event) => this.down(event));
    this.root.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      this.root.addEventListener(kind, (event) => this.up(event));
    }
    this.overlay.addEventListener("keydown", (event) => this.key(event));
    for (const kind of ["keyup", "focusout"]) this.overlay.addEventListener(kind, () => this.nudgeEnded());
    this.overlay.addEventListener("focusin", ({ target }) => {
      this.emphasize(target.closest("[data-label]").dataset.label); // to reorder would spoil the way of Tab
    });
  }

  down(event) {
    if (!this.image || event.button !== 0 || event.target.closest("button, #conflict, #notice")) return;
    event.preventDefault();
    document.activeElement?.blur();
    this.root.setPointerCapture(event.pointerId);
    this.pointers.set(event.pointerId, this.place(event));
    if (this.pointers.size > 1) {
      this.drop();
      return;
    }
    const edges = event.target.closest("[data-edges]")?.dataset.edges;
    if (!edges) {
      this.root.classList.add("grabbed");
      return;
    }
    const label = event.target.closest("[data-label]").dataset.label;
    const box = this.image.boxes[label];
    const [x, y] = this.inImage(event);
    // What is gripped stays as far from the pointer as it was, so that a click moves nothing.
    const off = [x - box[edges.includes("x1") ? 2 : 0], y - box[edges.includes("y1") ? 3 : 1]];
    this.drag = { label, edges, box, off, from: [x, y] };
    this.activate(label);
  }

  move(event) {
    if (!this.pointers.has(event.pointerId)) return;
    const before = this.pointers.get(event.pointerId);
    const now = this.place(event);
    const other = [...this.pointers].find(([id]) => id !== event.pointerId)?.[1];
    this.pointers.set(event.pointerId, now);
    if (other) this.zoom(distance(now, other) / distance(before, other), middle(now, other));
    else if (this.drag) this.moveBox(this.inImage(event));
    else if (this.view.scale > this.whole) this.shift([now[0] - before[0], now[1] - before[1]]);
  }

  moveBox([x, y]) {
    const { label, edges, box, off, from } = this.drag;
    const size = this.image.size;
    this.image.boxes[label] = edges === "all"
      ? moved(box, [x - from[0], y - from[1]], size)
      : withEdges(box, edges, [x - off[0], y - off[1]], size);
    this.draw();
    this.changing();
  }

  shift([byX, byY]) {
    this.view.x += byX;
    this.view.y += byY;
    this.draw();
  }

  up(event) {
    this.pointers.delete(event.pointerId);
    this.root.classList.remove("grabbed");
    this.drop();
  }

  // The end of whatever is moving a box.
  settle() {
    this.drop();
    this.nudgeEnded();
  }

  // The end of a drag; what it has changed is kept.
  drop() {
    const drag = this.drag;
    this.drag = null;
    if (drag && this.image.boxes[drag.label].some((edge, i) => edge !== drag.box[i])) this.changed(this.image);
  }

  // Arrow keys move the edge that has the focus.
  key(event) {
    const edge = event.target.dataset.edges;
    const along = edge?.startsWith("x") ? ["ArrowLeft", "ArrowRight"] : ["ArrowUp", "ArrowDown"];
    const direction = along.indexOf(event.key);
    if (!edge || !event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    if (direction < 0) return;
    const label = event.target.closest("[data-label]").dataset.label;
    const box = this.image.boxes[label];
    const to = box[EDGES.indexOf(edge)] + (2 * direction - 1) * (event.shiftKey ? 10 : 1);
    this.image.boxes[label] = withEdges(box, edge, [to, to], this.image.size);
    this.draw();
    this.changing();
    this.nudged = this.image;
  }

  // A key that is held down is one change.
  nudgeEnded() {
    const image = this.nudged;
    this.nudged = null;
    if (image) this.changed(image);
  }
}

const distance = (a, b) => Math.max(Math.hypot(a[0] - b[0], a[1] - b[1]), 1);
const middle = (a, b) => [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
