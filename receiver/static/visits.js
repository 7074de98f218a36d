// Maintenance visits and the commissioning of one lift.
import { make, text } from "./dom.js";
import { clock, pick, say } from "./say.js";
import { signName, signValue } from "./signs.js";

export function visits(lift) {
  const list = make("ul", "over");
  for (const visit of lift.visits) list.append(visitRow(visit));
  if (lift.visits.length === 0) list.append(text("li", "small", say("visits_none")));
  const made = make("ul", "over");
  for (const one of lift.commissionings) made.append(commissionedRow(one));
  if (lift.commissionings.length === 0) made.append(text("li", "small", say("commissioned_none")));
  return make("section", "", text("h2", "", say("lift_visits")), list, text("h3", "", say("lift_commissioned")), made);
}

function visitRow(visit) {
  const when = visit.started_ms ?? visit.ended_ms;
  const state = visit.state === "under_way" ? say("visit_under_way") : say(`visit_${visit.state}`, { minutes: Math.round(visit.lasted_s / 60) });
  const row = make("li", visit.state === "finished" ? "" : "open-row",
    text("span", "small", clock(when, true)),
    text("strong", "", say("visit_by", { number: visit.number, person: visit.person })),
    text("span", "small", state));
  if (visit.state === "finished") {
    const of = visit.items === null ? say("visit_done", { done: visit.done.length }) : say("visit_done_of", { done: visit.done.length, items: visit.items });
    row.append(text("span", "small", visit.checklist === null ? of : `${pick(visit.checklist)}: ${of}`));
  }
  for (const item of visit.faulty) {
    const known = item.en === null ? say("visit_item", item) : `${item.number}. ${pick(item)}`;
    row.append(text("span", "problem", say("visit_faulty", { item: known })));
  }
  if (visit.remark !== null) row.append(text("span", "", visit.remark));
  if (visit.before.length) row.append(text("span", "small", say("visit_before", { measured: measured(visit.before) })));
  if (visit.during.length) row.append(text("span", "small", say("visit_during", { measured: measured(visit.during) })));
  return row;
}

function commissionedRow(one) {
  return make("li", "",
    text("span", "small", clock(one.at_ms, true)),
    text("strong", "", say("commissioned_steps", one)),
    one.note === null ? null : text("span", "small", one.note),
    text("span", "small mono", say("commissioned_digest", one)));
}

function measured(signs) {
  return signs.map((sign) => `${signName(sign)}: ${signValue(sign)}`).join(say("comma"));
}
