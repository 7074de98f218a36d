// The live page: keeps the board that the receiver sends, shows it, and hands what people do to the receiver.
import { Card, subject } from "./card.js";
import { button, make, text } from "./dom.js";
import { Link } from "./link.js";
import { clock, currentLanguage, duration, pick, say, switchLanguage } from "./say.js";
import * as sound from "./sound.js";

const NAME_KEY = "lift-receiver-my-name";
const SEVERITIES = ["critical", "major", "minor", "info"];
const OVER_MAX = 20;
const WHO_BYTES_MAX = 32; // the wire's limit, see docs/receiver.md
const $ = (id) => document.getElementById(id);

let board = null; // the last whole picture; incidents by id
const cards = new Map(); // incident id -> Card, for open incidents only
const shownSent = new Set();

const link = new Link(takeBoard, takeIncident, takeBoxes, showLink);

function takeBoard(said) {
  board = { ...said, incidents: new Map(said.incidents.map((incident) => [incident.id, incident])) };
  showAll();
}

function takeIncident(said) {
  if (board === null) return;
  board.incidents.set(said.incident.id, said.incident);
  showAll();
}

function takeBoxes(said) {
  if (board === null) return;
  board.troubles = said.troubles;
  board.devices = said.devices;
  showTroubles();
  showBoxes();
}

function showAll() {
  document.documentElement.lang = currentLanguage() === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  $("language").textContent = say("other_language");
  showSound();
  showLink(link.isUp, link.lastHeardMs);
  if (board === null) return;
  showOpen();
  showOver();
  showTroubles();
  showBoxes();
}

function openIncidents() {
  const open = [...board.incidents.values()].filter((incident) => incident.is_open);
  const rank = (incident) => [
    incident.needs_taking_over ? 0 : 1,
    SEVERITIES.indexOf(incident.severity),
    incident.condition_gone === null ? 0 : 1,
    -(incident.occupied_percent ?? 50),
    incident.raised.latest_ms,
  ];
  return open.sort((a, b) => compare(rank(a), rank(b)));
}

function compare(a, b) {
  const index = a.findIndex((value, i) => value !== b[i]);
  return index < 0 ? 0 : a[index] - b[index];
}

function showOpen() {
  const open = openIncidents();
  $("open-title").textContent = open.length ? say("open_count", { count: open.length }) : say("open_none");
  $("open-title").classList.toggle("calm", open.length === 0);
  for (const id of cards.keys()) if (!board.incidents.get(id)?.is_open) cards.delete(id);
  const elements = open.map((incident) => {
    if (!cards.has(incident.id)) cards.set(incident.id, new Card(send, askRecording, () => link.nowMs()));
    const card = cards.get(incident.id);
    if (card.incident !== incident || card.language !== currentLanguage()) card.show(incident);
    card.language = currentLanguage();
    return card.element;
  });
  if (elements.some((element, i) => $("open").children[i] !== element) || $("open").children.length !== elements.length) {
    $("open").replaceChildren(...elements);
  }
  const untaken = open.filter((incident) => incident.needs_taking_over);
  document.title = open.length ? `(${open.length}) ${pick(open[0].title)}` : say("page_title");
  sound.want(!link.isUp && link.lastHeardMs !== null ? "lost" : untaken.length ? "alarm" : "none");
  tellShown(untaken);
}

function tellShown(untaken) {
  if (document.visibilityState !== "visible") return;
  for (const incident of untaken) {
    if (incident.state !== "stored" || shownSent.has(incident.id)) continue;
    shownSent.add(incident.id);
    post(incident, { act: "shown" }).catch(() => shownSent.delete(incident.id));
  }
}

function showOver() {
  const over = [...board.incidents.values()].filter((incident) => !incident.is_open);
  over.sort((a, b) => b.stored_ms - a.stored_ms);
  $("over-section").hidden = over.length === 0;
  $("over").replaceChildren(...over.slice(0, OVER_MAX).map((incident) => make("li", "",
    text("span", "small", clock(incident.raised.latest_ms, true)),
    text("strong", "", pick(incident.title)),
    text("span", "", subject(incident.lift, incident.device)),
    text("span", "small", say(`state_${incident.state}`)
      + (incident.taken_over_by === null ? "" : ` · ${say("taken_by", { who: incident.taken_over_by })}`)))));
}

function showTroubles() {
  $("troubles-section").hidden = board.troubles.length === 0;
  $("troubles").replaceChildren(...board.troubles.map((trouble) => text("li", "trouble", say(`trouble_${trouble.kind}`, {
    subject: subject(trouble.lift, trouble.device),
    numbers: trouble.first === trouble.last ? trouble.first : `${trouble.first}–${trouble.last}`,
    stream: trouble.stream,
    duration: duration(link.nowMs() - trouble.since_ms),
  }))));
}

function showBoxes() {
  if (board.devices.length === 0) return $("boxes").replaceChildren(text("li", "small", say("boxes_none")));
  return $("boxes").replaceChildren(...board.devices.map((device) => make("li", "",
    text("strong", "", subject(device.lift, device.device)),
    device.lift === null ? null : text("span", "small mono", device.device),
    text("span", "small", say("last_contact", { duration: duration(link.nowMs() - device.last_contact_ms) })))));
}

function showLink(isUp, lastHeardMs) {
  const isLost = !isUp && lastHeardMs !== null;
  $("lost").hidden = !isLost;
  document.body.classList.toggle("is-lost", isLost);
  if (isLost) $("lost-since").textContent = say("lost_since", { time: clock(lastHeardMs) });
  $("link").textContent = isUp ? say("link_up") : say("link_wait");
  $("link").className = isUp ? "link up" : "link";
  if (isLost) document.title = `⚠ ${say("lost_title")}`;
  if (board !== null && !isLost) showOpen();
  if (isLost) sound.want("lost");
}

function showSound() {
  const words = say(sound.isOn() ? "sound_on" : "sound_off");
  $("sound").textContent = words;
  $("sound").classList.toggle("urge", !sound.isOn());
}

function send(incident, act, etaMin) {
  const who = $("my-name").value.trim();
  if (who === "") {
    $("my-name").focus();
    return Promise.reject(new Error(say("name_needed")));
  }
  if (new TextEncoder().encode(who).length > WHO_BYTES_MAX) return Promise.reject(new Error(say("name_long")));
  return post(incident, "notice", etaMin === null ? { act, who } : { act, who, eta_min: etaMin });
}

const askRecording = (incident) => post(incident, "evidence", {});

async function post(incident, what, body) {
  let reason = "";
  try {
    const answer = await fetch(`/v1/incidents/${encodeURIComponent(incident.id)}/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    const said = await answer.json();
    if (answer.ok) return takeIncident(said);
    reason = said.problem;
  } catch (error) {
    reason = error.message;
  }
  throw new Error(say("failed", { reason }));
}

$("my-name").value = localStorage.getItem(NAME_KEY) ?? "";
$("my-name").addEventListener("input", () => localStorage.setItem(NAME_KEY, $("my-name").value.trim()));
$("sound").addEventListener("click", async () => {
  await sound.turnOn();
  showSound();
});
// Any tap is the first tap a browser wants before it plays sound.
addEventListener("pointerdown", async () => {
  if (sound.isOn()) return;
  await sound.turnOn();
  showSound();
}, { once: true });
$("language").addEventListener("click", () => {
  switchLanguage();
  showAll();
});
addEventListener("visibilitychange", () => board && showOpen());
setInterval(() => {
  for (const card of cards.values()) card.tick();
  if (board !== null && Date.now() % 5000 < 1000) {
    showTroubles();
    showBoxes();
  }
}, 1000);
showAll();
