// The shared worker of all open pages of one browser: one connection, and what it says goes to each of them.
import { own } from "./events.js";

const CONNECTING_MS_MAX = 5000; // less than the pages wait before they ask again
const pages = new Set();
let openedMs = 0;

const tell = (what) => pages.forEach((page) => page.postMessage(what));
const source = own((name, said) => tell({ name, said }), (isOver) => tell({ isOver }));

onconnect = ({ ports: [page] }) => {
  page.onmessage = ({ data }) => {
    if (data === "open") {
      pages.add(page);
      // Opened anew for each page that comes: the receiver begins with the whole picture, which this page lacks.
      if (source.isConnecting() && Date.now() - openedMs < CONNECTING_MS_MAX) return;
      openedMs = Date.now();
      source.open();
    } else {
      pages.delete(page);
      if (pages.size === 0) source.close();
    }
  };
};
