// Live values: the last half minute of acceleration and lines, what the controller says, and other senses.

import { ask, knows, make, row, say, show } from "./base.js";
import { drawAccel, drawLines } from "./charts.js";

const SECONDS = 30;
const KEPT_MS = 60_000;
let number = 0;
let accel = [], lines = new Map(), bus = null, others = new Map();

export function forgetLive() {
  number = 0;
  accel = [];
  lines = new Map();
  bus = null;
  others = new Map();
}

export async function turnLive() {
  const { body } = await ask(`/api/live?after=${number}`);
  if (body.number < number) forgetLive(); // another page process
  number = body.number;
  take(body);
  draw(body);
}

function take(body) {
  accel.push(...body.accel);
  const now = newest();
  while (accel.length && accel[0][0] < now - KEPT_MS) accel.shift();
  for (const [ms, name, value] of body.lines) {
    const words = lines.get(name) ?? [];
    if (words.length && words[words.length - 1][1] === value) continue;
    words.push([ms, value]);
    if (words.length > 200) words.shift();
    lines.set(name, words);
  }
  for (const [, said] of body.controller) bus = { ...bus, ...said };
  for (const [, name, value] of body.others) others.set(name, value);
}

function newest() {
  const times = [...lines.values()].map((words) => words[words.length - 1][0]);
  if (accel.length) times.push(accel[accel.length - 1][0]);
  return times.length ? Math.max(...times) : 0;
}

function draw(body) {
  const now = newest();
  drawAccel(document.querySelector("#chart-accel"), accel, now, SECONDS, [say("x"), say("y"), say("z")]);
  document.querySelector("#accel-now").textContent = accel.length ? say("last_seconds", { seconds: SECONDS }) : say("live_waits");
  const tracks = [...lines].map(([name, words]) => ({
    name: `${say(`line_${name}`)}: ${say(words[words.length - 1][1] ? "on" : "off")}`,
    words,
  }));
  drawLines(document.querySelector("#chart-lines"), tracks, now, SECONDS);
  show(document.querySelector("#bus"), bus === null ? [waits()] : busRows());
  show(
    document.querySelector("#others"),
    others.size ? [...others].map(([name, value]) => row(say(`other_${name}`), String(value))) : [waits()],
  );
  const note = body.agent === "stopped" ? say("live_nobody") : body.lost ? say("live_lost", { count: body.lost }) : "";
  document.querySelector("#live-note").textContent = note;
}

function waits() {
  return make("p", { text: say("live_waits"), is: "small" });
}

function busRows() {
  return Object.entries(bus)
    .filter(([name, value]) => name !== "is_suspect" || value)
    .map(([name, value]) => row(say(`bus_${name}`), shown(value)));
}

function shown(value) {
  if (value === true || value === false) return say(value ? "yes" : "no");
  if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
  return knows(`said_${value}`) ? say(`said_${value}`) : value;
}
