// Going through the images: which one is shown, what is decided, and what is sent.

import { copyOf, newBox, sameBoxes } from "./geometry.js";
import { listen } from "./keys.js";
import { Outbox } from "./outbox.js";
import { Panel } from "./panel.js";
import { Pictures } from "./pictures.js";
import { Stage } from "./stage.js";

const at = (id) => document.getElementById(id);
const POLL = 500;
const NOTICE = 6000;
const wait = (milliseconds) => new Promise((resolve) => { setTimeout(resolve, milliseconds); });

class Review {
  constructor(about) {
    this.order = []; // by rank; grows while the model predicts
    this.unreadable = [];
    this.known = new Map(); // both, by number
    this.conflicts = [];
    this.done = []; // what undo takes back, the last decision last
    this.undone = [];
    this.total = this.predicted = 0;
    this.touched = false;
    this.pictures = new Pictures();
    this.panel = new Panel(about.labels, about.ratio_labels, about.table, (...change) => this.toggle(...change));
    this.stage = new Stage(at("stage"), about.labels, about.ratio_labels, {
      changing: () => this.panel.update(this.image),
      changed: (image) => this.edited(image),
    });
    this.outbox = new Outbox({
      saved: (item, answer) => this.saved(item, answer),
      conflict: (mine, theirs) => this.conflict(mine, theirs),
      refused: (item, reason) => this.refused(item, reason),
      waiting: (changes, tries) => this.panel.waiting(changes, tries),
    });
    this.panel.waiting(this.outbox.items.length, 0);
    this.outbox.send();
  }

  // ---- images from the server

  async load(after) {
    const response = await fetch(`images/${after}`);
    if (!response.ok) throw new Error(response.status);
    const { total, predicted, problem, images } = await response.json();
    Object.assign(this, { total, predicted });
    for (const image of images) this.take(image);
    this.order.sort((a, b) => compare(a.rank, b.rank));
    if (problem) this.notice(problem);
    this.ordered();
  }

  take(image) {
    const known = this.known.get(image.number);
    this.known.set(image.number, known ?? image);
    if (known) this.refresh(known, image.entry);
    else if (image.reason) this.unreadable.push(image);
    else this.order.push(this.given(image, this.outbox.latest(image.name) ?? image.entry, image.entry?.revision ?? 0));
  }

  withEntry(image, entry) {
    const { state = "open", boxes = image.found, note = "" } = entry ?? {};
    return Object.assign(image, { state, boxes: copyOf(boxes), note });
  }

  // An entry that was not made here; what was done before it can't be undone.
  given(image, entry, revision) {
    this.withEntry(image, entry);
    for (const steps of ["done", "undone"]) this[steps] = this[steps].filter((step) => step.image !== image);
    this.steps();
    return Object.assign(image, { revision, kept: decisionOf(image) });
  }

  // Another window may have decided since.
  refresh(image, entry) {
    if (!entry || entry.revision <= image.revision || this.outbox.latest(image.name)) return;
    this.given(image, entry, entry.revision);
    if (image === this.image) this.redraw();
  }

  ordered() {
    this.panel.counts(this.order, this.predicted, this.total, this.unreadable);
    if (this.order.length === 0) {
      if (this.predicted === this.total) at("waiting").textContent = "None of the images can be read.";
      return;
    }
    const complete = this.predicted === this.total && !this.touched;
    if (!this.image || complete) this.show(this.first());
    else this.around();
  }

  // Where this window was before it was loaded again, or the first open image.
  first() {
    const before = sessionStorage.getItem("shown");
    return this.order.find((image) => image.name === before)
      ?? this.order.find((image) => image.state === "open") ?? this.order[0];
  }

  // ---- showing

  get place() {
    return this.order.indexOf(this.image);
  }

  around() {
    this.panel.show(this.image, this.place, this.order);
    this.pictures.around(this.order, this.place);
  }

  show(image) {
    if (image === this.image) {
      this.around();
      return;
    }
    this.image = image;
    this.around();
    const picture = this.pictures.get(image.number);
    if (picture.ready) this.stage.show(image, picture.element);
    else this.showLater(image);
  }

  async showLater(image) {
    at("waiting").textContent = "Loading…";
    at("stage").classList.add("empty");
    while (this.image === image) {
      const picture = this.pictures.get(image.number);
      try {
        await picture.loaded;
        if (this.image === image) this.stage.show(image, picture.element);
        return;
      } catch {
        at("waiting").textContent = "This image can't be loaded. Is hdf review still running?";
        await wait(4 * POLL);
      }
    }
  }

  redraw() {
    this.around();
    this.stage.draw();
  }

  go(step) {
    const image = this.order[this.place + step];
    if (image) this.visit(image);
  }

  visit(image) {
    this.touched = true;
    sessionStorage.setItem("shown", image.name);
    this.show(image);
  }

  goToOpen() {
    const from = this.place;
    const later = [...this.order.slice(from + 1), ...this.order.slice(0, from)];
    const open = later.find((image) => image.state === "open");
    if (open) this.visit(open);
    else if (this.predicted === this.total) this.notice("All images are decided. The table is complete.");
  }

  // ---- deciding

  keep(image = this.image) {
    const after = decisionOf(image);
    this.done.push({ image, before: image.kept, after });
    this.undone = [];
    this.send(image, after);
  }

  send(image, decision) {
    this.touched = true;
    image.kept = decision;
    this.outbox.add({ name: image.name, ...decision, base: image.revision });
    this.steps();
    this.panel.update(this.image);
    this.panel.counts(this.order, this.predicted, this.total, this.unreadable);
  }

  undo() {
    this.stage.settle(); // a drag or a held key is a step of its own
    this.step(this.done, this.undone, "before");
  }

  redo() {
    this.step(this.undone, this.done, "after");
  }

  step(from, to, side) {
    const step = from.pop();
    if (!step) return;
    to.push(step);
    this.visit(this.withEntry(step.image, step[side]));
    this.send(step.image, step[side]);
    this.redraw();
  }

  steps() {
    at("undo").disabled = this.done.length === 0;
    at("redo").disabled = this.undone.length === 0;
  }

  edited(image = this.image) {
    if (Object.keys(image.boxes).length === 0 && image.state === "accepted") image.state = "open";
    this.keep(image);
  }

  accept() {
    if (Object.keys(this.image.boxes).length === 0) {
      this.notice("An accepted image needs a box. Flag the image instead, or give it one.");
      return;
    }
    if (this.image.state !== "accepted") {
      this.image.state = "accepted";
      this.keep();
    }
    this.goToOpen();
  }

  flag() {
    const flagged = this.image.state !== "flagged";
    this.image.state = flagged ? "flagged" : "open";
    this.keep();
    if (flagged) this.goToOpen();
  }

  reset() {
    if (this.image.state === "open" && sameBoxes(this.image.boxes, this.image.found)) return;
    Object.assign(this.image, { state: "open", boxes: copyOf(this.image.found) });
    this.keep();
    this.stage.draw();
  }

  toggle(label, wanted) {
    if (wanted) this.image.boxes[label] = [...(this.image.found[label] ?? newBox(this.image.size))];
    else delete this.image.boxes[label];
    this.stage.activate(label);
    this.edited();
  }

  write(note) {
    if (note === this.image.note) return;
    this.image.note = note;
    this.keep();
  }

  // ---- what became of it

  saved(item, { revision, warning }) {
    const image = this.order.find(({ name }) => name === item.name);
    if (image) image.revision = Math.max(image.revision, revision);
    if (warning) this.notice(warning);
  }

  conflict(mine, theirs) {
    const image = this.order.find(({ name }) => name === mine.name);
    if (!image) return;
    this.given(image, theirs, theirs?.revision ?? 0);
    if (image === this.image) this.redraw();
    this.conflicts.push({ mine, image });
    this.showConflict();
  }

  showConflict() {
    const [conflict] = this.conflicts;
    at("conflict").hidden = !conflict;
    if (conflict) {
      at("conflict").querySelector("p").textContent =
        `${conflict.mine.name} was changed in another window, and is shown as it was left there.`;
    }
  }

  settle(withMine) {
    const { mine, image } = this.conflicts.shift();
    this.showConflict();
    if (!withMine) return;
    this.visit(this.withEntry(image, mine));
    this.keep();
    this.redraw();
  }

  refused(item, reason) {
    this.notice(`${item.name} was not saved: ${reason}`);
  }

  notice(text) {
    at("notice").textContent = text;
    at("notice").hidden = false;
    clearTimeout(this.noticeEnd);
    this.noticeEnd = setTimeout(() => { at("notice").hidden = true; }, NOTICE);
  }
}

const decisionOf = ({ state, boxes, note }) => ({ state, boxes: copyOf(boxes), note });
const compare = (a, b) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2];

// ---- the start

async function persistent(call) {
  for (;;) {
    try {
      return await call();
    } catch {
      await wait(4 * POLL);
    }
  }
}

const review = new Review(await persistent(async () => (await fetch("about")).json()));
listen(review);
at("stage").classList.add("empty");
do {
  await persistent(() => review.load(review.predicted));
  if (review.predicted < review.total) await wait(POLL);
} while (review.predicted < review.total);
