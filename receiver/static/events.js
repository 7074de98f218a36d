// Where the live events come from: a connection of this page's own, or the one that all pages of the browser share.
const NAMES = ["board", "incident", "boxes", "beat"];

// A browser opens six connections to one place (HTTP/1.1), and a live page holds one for good: without sharing, a
// seventh page would get no answer to anything. Phones without shared workers have few pages open.
export function events(onEvent, onBroken) {
  return "SharedWorker" in globalThis ? shared(onEvent, onBroken) : own(onEvent, onBroken);
}

// onEvent(name, said); onBroken(isOver): isOver where it does not come back by itself.
export function own(onEvent, onBroken) {
  let source = null;
  return {
    open() {
      source?.close();
      source = new EventSource("/v1/events");
      for (const name of NAMES) source.addEventListener(name, (event) => onEvent(name, JSON.parse(event.data)));
      // A refused answer ends an EventSource for good; a broken one retries by itself.
      source.onerror = (event) => onBroken(event.target.readyState === EventSource.CLOSED);
    },
    close() {
      source?.close();
      source = null;
    },
    isConnecting: () => source?.readyState === EventSource.CONNECTING,
  };
}

function shared(onEvent, onBroken) {
  const worker = new SharedWorker("/static/events_worker.js", { type: "module", name: "lift-receiver-events" });
  const { port } = worker;
  let line = { open: () => port.postMessage("open"), close: () => port.postMessage("close") };
  let isWanted = false;
  // An older browser shares workers, but none made of modules.
  worker.onerror = () => {
    line = own(onEvent, onBroken);
    if (isWanted) line.open();
  };
  port.onmessage = ({ data }) => (data.name === undefined ? onBroken(data.isOver) : onEvent(data.name, data.said));
  port.start();
  // A page that is left does not say so to the worker by itself; one that comes back from the browser's memory asks again.
  addEventListener("pagehide", () => line.close());
  return {
    open() {
      isWanted = true;
      line.open();
    },
    close() {
      isWanted = false;
      line.close();
    },
  };
}
