// Words, requests to the box, and small pieces of the page. Nothing comes from outside.

export const kept = { language: "en", words: {} };

export function chosenLanguage() {
  const stored = localStorage.getItem("lift-page-language");
  if (stored === "en" || stored === "zh") return stored;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export async function loadWords(language) {
  kept.language = language;
  localStorage.setItem("lift-page-language", language);
  kept.words = (await ask("/api/words")).body;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = say("title");
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
}

// A sentence with its values; a word that is not there shows its key, so that it is seen.
export function say(key, values = {}) {
  const text = kept.words[key] ?? key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

export function knows(key) {
  return key in kept.words;
}

export class Refused extends Error {
  constructor(status, body) {
    super(`${status}`);
    this.status = status;
    this.body = body;
  }
}

// GET, or POST where there are values. Throws Refused, or TypeError where nobody answers.
export async function ask(path, values) {
  const url = `${path}${path.includes("?") ? "&" : "?"}lang=${kept.language}`;
  const options = { credentials: "same-origin", cache: "no-store" };
  if (values !== undefined) {
    options.method = "POST";
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(values);
  }
  const answer = await fetch(url, options);
  const isJson = (answer.headers.get("Content-Type") ?? "").startsWith("application/json");
  const body = isJson ? await answer.json() : {};
  if (!answer.ok) throw new Refused(answer.status, body);
  return { status: answer.status, body };
}

// An element with class, text and children; text is never markup.
export function make(kind, { text, is, on, attributes } = {}, ...children) {
  const element = document.createElement(kind);
  if (text !== undefined) element.textContent = text;
  if (is) element.className = is;
  if (on) element.addEventListener("click", on);
  for (const [name, value] of Object.entries(attributes ?? {})) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null));
  return element;
}

export function section(title, ...children) {
  return make("section", {}, make("h2", { text: say(title) }), ...children);
}

export function row(left, right, is) {
  return make("div", { is: "row" }, make("span", { text: left }), make("span", { text: right, is }));
}

export function bar(share, isThin) {
  const inner = make("div");
  inner.style.width = `${Math.round(100 * share)}%`;
  return make("div", { is: isThin ? "bar thin" : "bar" }, inner);
}

export function span(seconds) {
  if (seconds < 120) return say("span_s", { count: Math.round(seconds) });
  if (seconds < 7200) return say("span_min", { count: Math.round(seconds / 60) });
  return say("span_h", { count: Math.round(seconds / 3600) });
}

let downMs = 0;
addEventListener("pointerdown", () => { downMs = Date.now(); }, true);
for (const kind of ["pointerup", "pointercancel"]) {
  addEventListener(kind, () => setTimeout(() => { downMs = 0; }, 0), true); // after the click that follows
}

// Put new content in only where it says something else, and not under a finger: its tap would be lost.
export function show(element, children) {
  if (Date.now() - downMs < 3000) return false;
  const fresh = make("div");
  fresh.append(...children.filter((child) => child !== null));
  if (element.dataset.shown === fresh.innerHTML) return false;
  element.dataset.shown = fresh.innerHTML;
  element.replaceChildren(...fresh.childNodes);
  return true;
}
