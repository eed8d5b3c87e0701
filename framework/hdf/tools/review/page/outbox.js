// Changes on their way to the server. Each stays in the browser's storage until the server has
// confirmed it, so that neither a reload nor a server that is gone loses one. A change carries an
// id, so that one that is sent twice counts once.

const PAUSES = [300, 600, 1200, 2500, 5000];

export class Outbox {
  // `told` has the methods saved, conflict, refused and waiting.
  constructor(told) {
    this.told = told;
    this.prefix = `hdf-review${location.pathname}`;
    this.items = this.stored();
    this.sending = false;
    addEventListener("online", () => this.wake?.());
  }

  // The latest change of an image that the server has not confirmed.
  latest(name) {
    return this.items.findLast((item) => item.name === name);
  }

  add(change) {
    const time = String(Date.now()).padStart(15, "0");
    const id = randomId();
    const item = { ...change, id, key: `${this.prefix}${time}-${id}` };
    this.items.push(item);
    this.store(item);
    this.send();
  }

  async send() {
    if (this.sending) return;
    this.sending = true;
    for (let tries = 0; this.items.length > 0; ) {
      this.told.waiting(this.items.length, tries);
      const done = await this.sendOne(this.items[0]);
      tries = done ? 0 : tries + 1;
      if (!done) await this.pause(PAUSES[Math.min(tries, PAUSES.length) - 1]);
    }
    this.sending = false;
    this.told.waiting(0, 0);
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      this.wake = resolve;
      setTimeout(resolve, milliseconds);
    });
  }

  async sendOne(item) {
    const { key, ...change } = item;
    let response, answer;
    try {
      const body = JSON.stringify(change);
      const headers = { "Content-Type": "application/json" };
      response = await fetch("save", { method: "POST", headers, body });
      answer = await response.json();
    } catch {
      return false;
    }
    if (response.status === 200) {
      this.drop(item);
      this.rebase(item.name, answer.revision);
      this.told.saved(item, answer);
    } else if (response.status === 409) {
      const mine = this.latest(item.name);
      this.items.filter((other) => other.name === item.name).forEach((other) => this.drop(other));
      this.told.conflict(mine, answer.entry);
    } else if (response.status === 422) {
      this.drop(item);
      this.told.refused(item, answer.reason);
    } else {
      return false;
    }
    return true;
  }

  rebase(name, revision) {
    for (const item of this.items.filter((other) => other.name === name)) {
      item.base = revision;
      this.store(item);
    }
  }

  store(item) {
    try {
      localStorage.setItem(item.key, JSON.stringify(item));
    } catch {
      // Storage is full or switched off: the change still goes out from memory.
    }
  }

  stored() {
    try {
      const keys = Object.keys(localStorage).filter((key) => key.startsWith(this.prefix)).sort();
      return keys.map((key) => JSON.parse(localStorage.getItem(key)));
    } catch {
      return [];
    }
  }

  drop(item) {
    this.items = this.items.filter((other) => other !== item);
    try {
      localStorage.removeItem(item.key);
    } catch {
      // Switched off: nothing was stored.
    }
  }
}

// crypto.randomUUID is there on loopback and https alone, and --host may be neither.
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
