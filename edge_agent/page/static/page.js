// The frame of the page: the door, the three views, the language, and what is asked when.

import { ask, chosenLanguage, kept, loadWords, Refused, say } from "./base.js";
import { turnCalibrate } from "./calibrate.js";
import { forgetLive, turnLive } from "./live.js";
import { drawState, redrawWith } from "./state.js";

const TABS = ["state", "live", "calibrate"];
const PERIOD_MS = { state: 1000, live: 250, calibrate: 400 };
const find = (selector) => document.querySelector(selector);
let isIn = false;
let lastStateMs = 0;

function tab() {
  const named = location.hash.slice(1);
  return TABS.includes(named) ? named : "state";
}

function arrange() {
  find("#door").hidden = isIn;
  find("#tabs").hidden = find("#foot").hidden = !isIn;
  for (const name of TABS) find(`#${name}`).hidden = !isIn || tab() !== name;
  for (const button of document.querySelectorAll("#tabs button")) {
    button.classList.toggle("on", button.dataset.tab === tab());
  }
  find("#language").textContent = say("other_language");
  if (!isIn) {
    find("#lift").textContent = find("#left").textContent = "";
    find("#unwatched").hidden = true;
  }
}

async function turnState() {
  const { body } = await ask("/api/state");
  lastStateMs = Date.now();
  find("#lift").textContent = body.lift;
  find("#left").textContent = say("page_ends", { minutes: Math.ceil(body.left_s / 60) });
  const isUnwatched = body.agent === "stopped" || body.agent === "calibrating";
  find("#unwatched").hidden = !isUnwatched;
  find("#unwatched").textContent = isUnwatched ? `${say("agent")}: ${say(`agent_${body.agent}`)}` : "";
  drawState(body);
}

async function turn() {
  const at = tab();
  try {
    if (at === "state" || Date.now() - lastStateMs > 2000) await turnState();
    if (at === "live") await turnLive();
    if (at === "calibrate") await turnCalibrate();
    if (!isIn) {
      isIn = true;
      arrange();
    }
    find("#lost").hidden = true;
  } catch (error) {
    if (error instanceof Refused && error.status === 401) {
      isIn = false;
      refuse(error.body);
      arrange();
      return null;
    }
    find("#lost").textContent = say("lost");
    find("#lost").hidden = false;
  }
  return PERIOD_MS[at];
}

let timer = 0;
async function goOn() {
  clearTimeout(timer);
  const wait = await turn();
  clearTimeout(timer);
  if (wait !== null) timer = setTimeout(goOn, wait);
}

function refuse(body) {
  const text = body.wait_s
    ? say("locked", { minutes: Math.ceil(body.wait_s / 60) })
    : body.left !== undefined ? say("wrong_pin", { left: body.left }) : "";
  find("#refused").textContent = text;
}

find("#enter").addEventListener("submit", async (event) => {
  event.preventDefault();
  const pin = find("#pin").value.replace(/\D/g, "");
  try {
    await ask("/api/enter", { pin, who: find("#who").value });
    find("#refused").textContent = "";
    localStorage.setItem("lift-page-who", find("#who").value);
    goOn();
  } catch (error) {
    if (error instanceof Refused) refuse(error.body);
    else find("#refused").textContent = say("lost");
  }
  find("#pin").value = "";
});

find("#language").addEventListener("click", async () => {
  await loadWords(kept.language === "zh" ? "en" : "zh");
  arrange();
  if (isIn) goOn();
  else find("#refused").textContent = "";
});

find("#tabs").addEventListener("click", (event) => {
  if (event.target.dataset.tab) location.hash = event.target.dataset.tab;
});

find("#leave").addEventListener("click", async () => {
  await ask("/api/leave", {});
  forgetLive();
  goOn();
});

addEventListener("hashchange", () => {
  arrange();
  scrollTo(0, 0);
  if (isIn) goOn();
});

redrawWith(goOn);
await loadWords(chosenLanguage());
find("#who").value = localStorage.getItem("lift-page-who") ?? "";
arrange();
goOn();
