// The live connection: server-sent events, and the honest answer to "is what I see still true?".
import { events } from "./events.js";

const BEAT_MS_MAX = 8000; // the receiver sends a beat every 3 s; two missed ones and a bit

export class Link {
  // onBoard(board), onIncident(said), onBoxes(said), onState(isUp, lastHeardMs): the only ways out.
  constructor(onBoard, onIncident, onBoxes, onState) {
    this.acts = { board: onBoard, incident: onIncident, boxes: onBoxes, beat: () => {} };
    this.onState = onState;
    this.isUp = false;
    this.lastHeardMs = null;
    this.skewMs = 0; // receiver's clock minus ours
    this.isOver = false;
    this.events = events(
      (name, said) => this.heard(said, this.acts[name]),
      (isOver) => {
        this.isOver = isOver;
        this.lose();
      },
    );
    this.open();
    setInterval(() => this.watch(), 1000);
    addEventListener("offline", () => this.lose());
    addEventListener("online", () => this.isClosed || this.open());
    addEventListener("pageshow", (event) => event.persisted && (this.isClosed || this.open()));
  }

  nowMs() {
    return Date.now() + this.skewMs;
  }

  open() {
    this.isClosed = false;
    this.isOver = false;
    this.openedMs = Date.now();
    this.events.open();
  }

  // Nobody is signed in: ask no more until `open`.
  close() {
    this.events.close();
    this.isClosed = true;
    this.isUp = false;
  }

  heard(said, act) {
    if (this.isClosed) return;
    this.lastHeardMs = Date.now();
    this.skewMs = said.now_ms - this.lastHeardMs;
    act(said);
    if (!this.isUp) {
      this.isUp = true;
      this.onState(true, this.lastHeardMs);
    }
  }

  lose() {
    if (this.isUp || this.lastHeardMs === null) {
      this.isUp = false;
      this.onState(false, this.lastHeardMs);
    }
  }

  watch() {
    if (this.isClosed) return;
    const silentMs = Date.now() - Math.max(this.lastHeardMs ?? 0, this.openedMs);
    if (silentMs < BEAT_MS_MAX) {
      if (this.isOver && silentMs > 2000) this.open();
      return;
    }
    this.lose();
    this.open();
  }
}
