// The live page: keeps the board that the receiver sends, shows it, and hands what people do to the receiver.
import { ask } from "./ask.js";
import { Card, subject } from "./card.js";
import { link as anchor, make, text } from "./dom.js";
import { LiftPage } from "./lift.js";
import { Link } from "./link.js";
import { Office } from "./office.js";
import { revocation } from "./office_boxes.js";
import { clock, clockMinutes, currentLanguage, duration, pick, say, switchLanguage } from "./say.js";
import { lookAgain, may, mayAct, me, signIn, signOut } from "./session.js";
import * as sound from "./sound.js";

const NAME_KEY = "lift-receiver-my-name";
const SEVERITIES = ["critical", "major", "minor", "info"];
const OVER_MAX = 20;
const WHO_BYTES_MAX = 32; // the wire's limit, see docs/receiver.md
const SILENT_MS = 960000; // three heartbeats of 300 s and a minute, docs/wire.md
const TEST_MS = 25 * 3600000; // a box tests the way of an alarm every day
const PLACE = /^#lift=([0-9a-f]{16})(?:&picture=([0-9a-f-]{20,60}))?$/;
const $ = (id) => document.getElementById(id);

const OCCASION_MIN = 3; // as the receiver's own
const OCCASION_MS = 2000;
let occasionTimer = null;
let board = null; // the last whole picture; incidents by id
const cards = new Map(); // incident id -> Card, for open incidents only
const shownSent = new Set();

const link = new Link(takeBoard, takeIncident, takeBoxes, (isUp, lastHeardMs) => {
  showLink(isUp, lastHeardMs);
  if (!isUp) findOutWho(); // a session that is over looks like a lost connection
});
const liftPage = new LiftPage($("lift"), askRecording, boxStatus, () => link.nowMs(), mayAct);

const office = new Office($("office"), $("rooms"), () => board);

function takeBoard(said) {
  board = { ...said, incidents: new Map(said.incidents.map((incident) => [incident.id, incident])) };
  showAll();
}

function takeIncident(said) {
  if (board === null) return;
  board.incidents.set(said.incident.id, said.incident);
  liftPage.touch(said.incident.device);
  showAll();
  lookAtOccasions();
}

// Whether many alarms have one cause is told with the whole picture only.
function lookAtOccasions() {
  if (occasionTimer !== null || openIncidents().length < OCCASION_MIN) return;
  occasionTimer = setTimeout(async () => {
    occasionTimer = null;
    const said = await ask("GET", "/v1/incidents").catch(() => null); // a lost line shows itself
    if (said !== null) takeBoard(said);
  }, OCCASION_MS);
}

function takeBoxes(said) {
  if (board === null) return;
  board.troubles = said.troubles;
  board.devices = said.devices;
  showTroubles();
  showBoxes();
  liftPage.tick();
  office.tick();
}

function showAll() {
  document.documentElement.lang = currentLanguage() === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) element.textContent = say(element.dataset.word);
  $("language").textContent = say("other_language");
  $("rooms").setAttribute("aria-label", say("rooms"));
  showWho();
  showSound();
  showLink(link.isUp, link.lastHeardMs);
  if (board === null) return;
  showOpen();
  showOver();
  showTroubles();
  showBoxes();
  office.tick();
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
    if (!cards.has(incident.id)) cards.set(incident.id, new Card(send, askRecording, () => link.nowMs(), mayAct));
    const card = cards.get(incident.id);
    const looks = `${currentLanguage()} ${mayAct()}`;
    if (card.incident !== incident || card.looks !== looks) card.show(incident);
    card.looks = looks;
    return card.element;
  });
  if (elements.some((element, i) => $("open").children[i] !== element) || $("open").children.length !== elements.length) {
    $("open").replaceChildren(...elements);
  }
  $("occasions").replaceChildren(...(board.occasions ?? []).map((occasion) =>
    text("li", "trouble", say(`occasion_${occasion.cause}`, { ...occasion, time: clockMinutes(occasion.since_ms) }))));
  const untaken = open.filter((incident) => incident.needs_taking_over);
  $("calls").hidden = untaken.length === 0 || ($("lift").hidden && $("office").hidden);
  $("calls").replaceChildren(...untaken.slice(0, 1).map((incident) =>
    anchor("", "#", say("calls", { title: pick(incident.title), subject: subject(incident.lift, incident.device) }))));
  document.title = open.length ? `(${open.length}) ${pick(open[0].title)}` : say("page_title");
  sound.want(!link.isUp && link.lastHeardMs !== null ? "lost" : untaken.length ? "alarm" : "none");
  tellShown(untaken);
}

function tellShown(untaken) {
  if (document.visibilityState !== "visible" || !mayAct()) return;
  for (const incident of untaken) {
    if (incident.state !== "stored" || shownSent.has(incident.id)) continue;
    shownSent.add(incident.id);
    post(incident, "notice", { act: "shown" }).catch(() => shownSent.delete(incident.id));
  }
}

function showOver() {
  const over = [...board.incidents.values()].filter((incident) => !incident.is_open);
  over.sort((a, b) => b.stored_ms - a.stored_ms);
  $("over-section").hidden = over.length === 0;
  $("over").replaceChildren(...over.slice(0, OVER_MAX).map((incident) => make("li", "",
    text("span", "small", clock(incident.raised.latest_ms, true)),
    text("strong", "", pick(incident.title)),
    anchor("", `#lift=${incident.device}`, subject(incident.lift, incident.device)),
    text("span", "small", say(`state_${incident.state}`)
      + (incident.taken_over_by === null ? "" : ` · ${say("taken_by", { who: incident.taken_over_by })}`)))));
}

function showTroubles() {
  const words = [...board.troubles.map(troubleWords), ...board.devices.flatMap(boxTroubles)];
  $("troubles-section").hidden = words.length === 0;
  $("troubles").replaceChildren(...words.map(([device, said]) => make("li", "trouble", anchor("", `#lift=${device}`, said))));
}

function troubleWords(trouble) {
  return [trouble.device, say(`trouble_${trouble.kind}`, {
    subject: subject(trouble.lift, trouble.device),
    numbers: trouble.first === trouble.last ? trouble.first : `${trouble.first}–${trouble.last}`,
    stream: say(`stream_${trouble.stream}`),
    duration: duration(link.nowMs() - trouble.since_ms),
  })];
}

// What is wrong with a box by the clock alone.
function boxTroubles(device) {
  const found = [];
  if (device.revoked_ms !== null) {
    return [[device.device, say("box_revoked", { subject: subject(device.lift, device.device), time: clock(device.revoked_ms, true) })]];
  }
  const silentMs = link.nowMs() - device.last_contact_ms;
  const who = subject(device.lift, device.device);
  if (silentMs > SILENT_MS) found.push([device.device, say("box_silent", { subject: who, duration: duration(silentMs) })]);
  const testMs = device.test_ms === null ? 0 : link.nowMs() - device.test_ms;
  if (testMs > TEST_MS) found.push([device.device, say("box_untested", { subject: who, duration: duration(testMs) })]);
  return found;
}

function boxStatus(id) {
  const device = board?.devices.find((one) => one.device === id);
  if (device === undefined) return text("p", "small", say("loading"));
  const troubles = [...board.troubles.filter((one) => one.device === id).map(troubleWords), ...boxTroubles(device)];
  const open = openIncidents().filter((incident) => incident.device === id);
  const place = open.length ? open[0].place : null;
  const list = make("ul", "");
  for (const incident of open) list.append(make("li", "trouble", anchor("", "#", `${pick(incident.title)} · ${say(`state_${incident.state}`)}`)));
  for (const [, said] of troubles) list.append(text("li", "trouble", said));
  if (open.length === 0 && troubles.length === 0) list.append(text("li", "fine", say("lift_fine")));
  list.append(text("li", "small", say("last_contact", { duration: duration(link.nowMs() - device.last_contact_ms) })));
  if (may("admin")) list.append(make("li", "", revocation(device)));
  if (place !== null) list.append(text("li", "small", `${say("door")}: ${say(`door_${place.door}`)}`));
  return list;
}

function showBoxes() {
  if (board.devices.length === 0) return $("boxes").replaceChildren(text("li", "small", say("boxes_none")));
  return $("boxes").replaceChildren(...board.devices.map((device) => make("li", boxTroubles(device).length ? "ill" : "",
    anchor("", `#lift=${device.device}`, subject(device.lift, device.device)),
    device.lift === null ? null : text("span", "small mono", device.device),
    text("span", "small", say("last_contact", { duration: duration(link.nowMs() - device.last_contact_ms) })),
    text("span", "small", device.test_ms === null ? say("test_never") : say("tested", { duration: duration(link.nowMs() - device.test_ms) })))));
}

function showPlace() {
  const found = PLACE.exec(location.hash);
  for (const section of document.querySelectorAll("main > section.board")) section.classList.toggle("away", found !== null || Office.isAt(location.hash));
  office.show(location.hash);
  liftPage.show(found === null ? null : found[1], found?.[2] ?? null);
  if (board !== null) showOpen();
  scrollTo(0, 0);
}

// ---- who looks at it

function showWho() {
  $("sign-in").hidden = me.state !== "out";
  document.querySelector("main").hidden = me.state === "out";
  $("me-local").hidden = me.state === "in" || me.state === "out";
  $("me-in").hidden = me.state !== "in";
  office.showDoors();
  $("me-in").textContent = me.state === "in" ? say("sign_out", { who: me.shown }) : "";
}

async function findOutWho() {
  const before = me.state;
  if (await lookAgain() === "out" && before !== "out") {
    link.close();
    board = null;
    sound.want("none");
  }
  if (me.state === before) return;
  showAll();
  office.show(location.hash);
}

$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  $("sign-in-problem").textContent = "";
  try {
    await signIn($("sign-in-name").value.trim(), $("sign-in-password").value);
    $("sign-in-password").value = "";
    link.open();
    office.show(location.hash);
  } catch (error) {
    $("sign-in-problem").textContent = error.message;
  }
  showAll();
});
$("me-in").addEventListener("click", async () => {
  await signOut().catch(() => {});
  location.reload();
});

function showLink(isUp, lastHeardMs) {
  const isLost = !isUp && lastHeardMs !== null && me.state !== "out";
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
  const who = me.state === "in" ? me.shown : $("my-name").value.trim();
  if (who === "") {
    $("my-name").focus();
    return Promise.reject(new Error(say("name_needed")));
  }
  if (new TextEncoder().encode(who).length > WHO_BYTES_MAX) return Promise.reject(new Error(say("name_long")));
  return post(incident, "notice", etaMin === null ? { act, who } : { act, who, eta_min: etaMin });
}

function askRecording(incident) {
  return post(incident, "evidence", {});
}

async function post(incident, what, body) {
  takeIncident(await ask("POST", `/v1/incidents/${encodeURIComponent(incident.id)}/${what}`, body));
}

$("my-name").value = localStorage.getItem(NAME_KEY) ?? "";
$("my-name").addEventListener("input", () => localStorage.setItem(NAME_KEY, $("my-name").value.trim()));
$("sound").addEventListener("click", async () => {
  await sound.turnOn();
  showSound();
});
// Any tap is the first tap a browser wants before it plays sound.
// Not when it begins: the bell changes its width, and what was under the finger would be gone when it ends.
addEventListener("click", async () => {
  if (sound.isOn()) return;
  await sound.turnOn();
  showSound();
}, { once: true });
$("language").addEventListener("click", () => {
  switchLanguage();
  showAll();
  liftPage.render();
  office.show(location.hash);
});
addEventListener("visibilitychange", () => board && showOpen());
addEventListener("hashchange", showPlace);
setInterval(() => {
  for (const card of cards.values()) card.tick();
  if (board !== null && Date.now() % 5000 < 1000) {
    showTroubles();
    showBoxes();
    liftPage.tick();
  }
}, 1000);
showAll();
showPlace();
findOutWho();
