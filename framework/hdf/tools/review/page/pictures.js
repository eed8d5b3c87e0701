// The radiographs around the one on screen, decoded beforehand.

const AHEAD = 8;
const BEHIND = 2;
const TOGETHER = 2;

export class Pictures {
  constructor() {
    this.kept = new Map();
    this.wanted = [];
  }

  // An image's picture: { element, ready, settled, loaded }, where `loaded` resolves once it can be
  // drawn. One that could not be fetched is fetched anew.
  get(number) {
    const kept = this.kept.get(number);
    if (kept && (kept.ready || !kept.settled)) return kept;
    const picture = fetched(number);
    this.kept.set(number, picture);
    picture.loaded.catch(() => {}).finally(() => this.fetchWanted()); // an error is told once it is shown
    return picture;
  }

  // Keep those near a place in the order, and fetch those that follow it.
  around(order, place) {
    const near = order.slice(Math.max(0, place - BEHIND), place + AHEAD + 1).map((image) => image.number);
    for (const number of this.kept.keys()) if (!near.includes(number)) this.kept.delete(number);
    this.wanted = order.slice(place, place + AHEAD + 1).map((image) => image.number);
    this.fetchWanted();
  }

  // In order, and a few at a time: while one is decoded another is sent.
  fetchWanted() {
    const open = this.wanted.filter((one) => !this.kept.get(one)?.settled);
    for (const number of open.slice(0, TOGETHER)) this.get(number);
  }
}

function fetched(number) {
  const element = new Image();
  element.id = "film";
  element.draggable = false;
  element.src = `picture/${number}`;
  const picture = { element, ready: false, settled: false };
  picture.loaded = element.decode().then(() => { picture.ready = true; });
  picture.loaded.catch(() => {}).finally(() => { picture.settled = true; });
  return picture;
}
