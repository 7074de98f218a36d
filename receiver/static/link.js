// The live connection: server-sent events, and the honest answer to "is what I see still true?".
const BEAT_MS_MAX = 8000; // the receiver sends a beat every 3 s; two missed ones and a bit

export class Link {
  // onBoard(board), onIncident(said), onBoxes(said), onState(isUp, lastHeardMs): the only ways out.
  constructor(onBoard, onIncident, onBoxes, onState) {
    this.onBoard = onBoard;
    this.onIncident = onIncident;
    this.onBoxes = onBoxes;
    this.onState = onState;
    this.isUp = false;
    this.lastHeardMs = null;
    this.skewMs = 0; // receiver's clock minus ours
    this.events = null;
    this.open();
    setInterval(() => this.watch(), 1000);
    addEventListener("offline", () => this.lose());
    addEventListener("online", () => this.isClosed || this.open());
  }

  nowMs() {
    return Date.now() + this.skewMs;
  }

  open() {
    this.events?.close();
    this.isClosed = false;
    this.openedMs = Date.now();
    this.events = new EventSource("/v1/events");
    this.events.addEventListener("board", (event) => this.heard(event, this.onBoard));
    this.events.addEventListener("incident", (event) => this.heard(event, this.onIncident));
    this.events.addEventListener("boxes", (event) => this.heard(event, this.onBoxes));
    this.events.addEventListener("beat", (event) => this.heard(event, () => {}));
    this.events.onerror = () => this.lose();
  }

  // Nobody is signed in: ask no more until `open`.
  close() {
    this.events?.close();
    this.isClosed = true;
    this.isUp = false;
  }

  heard(event, act) {
    const said = JSON.parse(event.data);
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
      // A refused answer ends an EventSource for good; a broken one retries by itself.
      if (this.events.readyState === EventSource.CLOSED && silentMs > 2000) this.open();
      return;
    }
    this.lose();
    this.open();
  }
}
