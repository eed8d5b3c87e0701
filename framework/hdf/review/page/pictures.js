// The radiographs around the one on screen, decoded beforehand.

const AHEAD = 4;
const BEHIND = 2;

export class Pictures {
  constructor() {
    this.kept = new Map();
    this.wanted = [];
    this.fetching = false;
  }

  // An image's picture: { element, ready, settled, loaded }, where `loaded` resolves once it can be
  // drawn. One that could not be fetched is fetched anew.
  get(number) {
    const kept = this.kept.get(number);
    if (!kept || (kept.settled && !kept.ready)) this.kept.set(number, fetched(number));
    return this.kept.get(number);
  }

  // Keep those near a place in the order, and fetch those that follow it.
  around(order, place) {
    const near = order.slice(Math.max(0, place - BEHIND), place + AHEAD + 1).map((image) => image.number);
    for (const number of this.kept.keys()) if (!near.includes(number)) this.kept.delete(number);
    this.wanted = order.slice(place, place + AHEAD + 1).map((image) => image.number);
    this.fetchWanted();
  }

  // One after the other, so that the next one is there as soon as can be.
  async fetchWanted() {
    if (this.fetching) return;
    this.fetching = true;
    for (let number; (number = this.wanted.find((one) => !this.kept.get(one)?.settled)) !== undefined; ) {
      await this.get(number).loaded.catch(() => {}); // told once it is shown
    }
    this.fetching = false;
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
