// The state of the agent and its alarms, and the end of an alarm.

import { ask, kept, knows, make, Refused, row, say, section, show, span } from "./base.js";

let sure = null; // the incident that is about to be ended, "" for all, null for none
let trouble = "";

export function drawState(view) {
  const status = view.status;
  const parts = [section("agent", make("p", { text: say(`agent_${view.agent}`), is: agentClass(view.agent) }))];
  if (status) {
    parts.push(...warnings(status), alarms(view, status), car(status), sources(status), receivers(status));
    parts.push(
      section("learned", make("p", { text: status.readiness }), make("p", { text: say("score", { score: status.score }) })),
    );
  }
  show(document.querySelector("#state"), parts);
}

function agentClass(agent) {
  return agent === "armed" ? "big good" : agent === "starting" ? "big warn" : "big wrong";
}

function warnings(status) {
  const found = [];
  if (status.is_in_memory) found.push(make("p", { text: say("in_memory"), is: "bad banner" }));
  if (status.is_safe_mode) found.push(make("p", { text: say("safe_mode"), is: "bad banner" }));
  if (status.visit) found.push(section("agent", make("p", { text: say("visit_under_way", status.visit) })));
  return found;
}

function alarms(view, status) {
  const cards = status.incidents.map((each) => card(view, each));
  const isAnyGone = status.incidents.some((each) => each.state === "gone");
  return section(
    "alarms",
    ...(cards.length ? cards : [make("p", { text: say("alarms_none"), is: "good" })]),
    isAnyGone && !view.is_ending ? endButton(null, "", "end_all") : null,
    make("p", { text: outcome(view), is: "small", attributes: { id: "end-outcome", role: "status" } }),
  );
}

function card(view, each) {
  const since = each.age_s === null ? "" : ` · ${say("since", { span: span(each.age_s) })}`;
  return make(
    "div",
    { is: `card ${each.severity}` },
    make("p", { text: `${each.number} · ${each.title}`, is: "big" }),
    make("p", { text: say(`incident_${each.state}`) + since }),
    each.check ? make("p", { text: say("first_check", { text: each.check }), is: "small" }) : null,
    each.can_end && !view.is_ending ? endButton(each, String(each.number), "end_this") : null,
  );
}

function endButton(each, number, word) {
  if (sure !== number) {
    return make("button", { text: say(word), is: "plain", on: () => { sure = number; redraw(); }, attributes: { "data-end": number } });
  }
  return make(
    "div",
    {},
    make("p", { text: say("end_sure") }),
    make("div", { is: "pair" },
      make("button", { text: say("yes_end"), is: "danger", on: () => end(number), attributes: { "data-sure": number } }),
      make("button", { text: say("cancel"), is: "plain", on: () => { sure = null; redraw(); } })),
  );
}

let redraw = () => {};
export function redrawWith(act) {
  redraw = act;
}

async function end(number) {
  sure = null;
  trouble = "";
  try {
    await ask("/api/end", { incident: number });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    trouble = error.body.trouble ?? say("cal_no_step");
  }
  redraw();
}

function outcome(view) {
  if (trouble) return trouble;
  if (view.is_ending) return say("asked");
  const ended = view.ended;
  if (!ended) return "";
  if (!ended.is_answered) return say("no_answer");
  const found = [];
  if (ended.ended.length) found.push(say("ended", { numbers: ended.ended.join(" ") }));
  if (ended.still.length) found.push(say("still_there", { numbers: ended.still.join(" ") }));
  return found.length ? found.join(" · ") : say("nothing_to_end");
}

function car(status) {
  const seen = status.car;
  if (!seen) return section("car", make("p", { text: say("car_nothing") }));
  const parts = [say(`phase_${seen.phase}`)];
  if (Math.abs(seen.speed_mps) >= 0.05) parts.push(say("car_speed", { speed: seen.speed_mps.toFixed(2) }));
  if (seen.landing !== null) parts.push(say(seen.is_between ? "car_between" : "car_at", { landing: seen.landing }));
  if (knows(`car_door_${seen.door}`)) parts.push(say(`car_door_${seen.door}`));
  if (seen.occupied !== null) parts.push(say("car_occupied", { percent: seen.occupied }));
  if (seen.is_inspection) parts.push(say("car_inspection"));
  return section("car", make("p", { text: parts.join(" · ") }));
}

function sources(status) {
  const rows = status.sources.map((each) => {
    const name = knows(`source_${each.name}`) ? say(`source_${each.name}`) : each.name;
    const lost = each.lost ? ` · ${say("source_lost", { count: each.lost })}` : "";
    if (!each.reason && !each.detail) return row(name, say("source_works") + lost, "good");
    const known = each.reason ? say(each.reason) : say("trouble");
    const detail = each.detail && kept.language === "en" ? `: ${each.detail}` : "";
    return row(name, known + detail + lost, "wrong");
  });
  return section("sources", ...rows);
}

function receivers(status) {
  const rows = status.receivers.map((each) => {
    const line = say("receiver_line", each);
    if (each.trouble) return row(each.name, `${say("receiver_trouble")} · ${line}`, "wrong");
    return row(each.name, each.answer_s === null ? `${say("receiver_never")} · ${line}` : line);
  });
  return section("receivers", ...rows);
}
