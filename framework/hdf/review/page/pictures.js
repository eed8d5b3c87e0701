// The radiographs around the one on screen, decoded beforehand.

const AHEAD = 4;
const BEHIND = 2;

export class Pictures {
  constructor() {
    this.kept = new Map();
  }

  // An image's picture: { element, ready, loaded }, where `loaded` resolves once it can be drawn.
  get(number) {
    if (!this.kept.has(number)) this.kept.set(number, fetched(number));
    return this.kept.get(number);
  }

  // Keep those near a place in the order, nearest first, and let go of others.
  around(order, place) {
    const near = order.slice(Math.max(0, place - BEHIND), place + AHEAD + 1).map((image) => image.number);
    for (const number of this.kept.keys()) if (!near.includes(number)) this.kept.delete(number);
    order.slice(place, place + AHEAD + 1).forEach((image) => this.get(image.number));
  }

  // Fetch one anew that could not be fetched.
  forget(number) {
    this.kept.delete(number);
  }
}

function fetched(number) {
  const element = new Image();
  element.id = "film";
  element.draggable = false;
  element.src = `picture/${number}`;
  const picture = { element, ready: false };
  picture.loaded = element.decode().then(() => { picture.ready = true; });
  picture.loaded.catch(() => {}); // told where it is shown
  return picture;
}
