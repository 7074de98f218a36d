// One open incident as a card: what happened, where, is somebody inside, who goes, and the buttons for people.
import { button, link, make, text } from "./dom.js";
import { clock, clockMinutes, duration, has, pick, say } from "./say.js";
import { signName, signValue } from "./signs.js";

const ETA_CHOICES_MIN = [5, 10, 15, 20, 30, 60];
const ETA_FIRST_MIN = 15;
const NARROW_MS = 2000; // an interval no wider than this is shown as one time
const CLICK_MS = 100; // on a touch screen the click comes a little behind the end of the touch
const PRESSED_MS_MAX = 3000; // nobody rests a finger longer; news must come through
const AGAIN_MS = 4000; // a second tap within this confirms

export function subject(lift, device) {
  return lift === null ? say("box", { device }) : say("lift", { lift });
}

// send(incident, act, eta_min), ask(incident) for its recording -> promise; nowMs() -> receiver time; mayAct() -> may this
// person do anything.
export class Card {
  constructor(send, ask, nowMs, mayAct) {
    this.mayAct = mayAct;
    this.send = send;
    this.ask = ask;
    this.nowMs = nowMs;
    this.etaMin = ETA_FIRST_MIN;
    this.isOpened = false;
    this.problem = "";
    this.element = make("article", "card");
    this.isPressed = false;
    this.element.addEventListener("pointerdown", () => this.pressed());
  }

  // What is under a finger stays there: a card that changes between down and up would lose the tap.
  pressed() {
    if (this.isPressed) return;
    this.isPressed = true;
    const once = new AbortController();
    const over = () => {
      once.abort();
      clearTimeout(longest);
      this.isPressed = false;
      setTimeout(() => this.isStale && this.show(this.incident), CLICK_MS);
    };
    const longest = setTimeout(over, PRESSED_MS_MAX);
    for (const end of ["pointerup", "pointercancel"]) addEventListener(end, over, { signal: once.signal });
  }

  show(incident) {
    this.incident = incident;
    this.isStale = this.isPressed;
    if (this.isPressed && this.since) return;
    const { element } = this;
    element.className = `card ${incident.severity}${incident.needs_taking_over ? " untaken" : ""}`;
    const parts = [this.head(), this.who(), this.facts(), this.firstCheck(), this.acts(), this.details()];
    element.replaceChildren(...parts.filter((part) => part !== null));
    this.tick();
  }

  tick() {
    const { raised } = this.incident;
    const now = this.nowMs();
    if (raised.earliest_ms === null) {
      this.since.textContent = say("since_least", { duration: duration(now - raised.latest_ms) });
    } else if (raised.latest_ms - raised.earliest_ms <= NARROW_MS) {
      this.since.textContent = say("since", { duration: duration(now - raised.latest_ms) });
    } else {
      const middle = (raised.earliest_ms + raised.latest_ms) / 2;
      this.since.textContent = say("since_about", { duration: duration(now - middle) });
    }
    if (this.due) this.due.textContent = this.dueWords(now);
  }

  head() {
    const { incident } = this;
    this.since = text("div", "since", "");
    return make("div", "head",
      make("div", "",
        text("h3", "", pick(incident.title)),
        make("div", "subject", link("", `#lift=${incident.device}`, subject(incident.lift, incident.device)))),
      make("div", "times", this.since, text("div", "small", raisedWords(incident))));
  }

  who() {
    const { incident } = this;
    this.due = null;
    const isGone = incident.condition_gone !== null;
    if (incident.taken_over_by === null) {
      if (isGone) return text("p", "who gone", say("gone_open"));
      const isUrgent = incident.needs_taking_over;
      return text("p", isUrgent ? "who nobody" : "who", say(isUrgent ? "nobody" : `state_${incident.state}`));
    }
    const isThere = incident.notices.some((notice) => notice.act === "on_site");
    const said = say(isThere ? "on_site_by" : "taken_by", { who: incident.taken_over_by });
    const line = make("p", "who taken", text("strong", "", said));
    if (!isThere && incident.due_ms !== null && !isGone) {
      this.due = text("span", "due", "");
      line.append(this.due);
    }
    line.append(text("span", "small", say(incident.box_was_told ? "box_told" : "box_not_told")));
    if (isGone) line.append(text("span", "full", say("gone_open")));
    return line;
  }

  dueWords(now) {
    const dueMs = this.incident.due_ms;
    this.due.classList.toggle("overdue", now > dueMs);
    if (now > dueMs) return say("overdue", { time: clockMinutes(dueMs) });
    return say("there_by", { time: clockMinutes(dueMs), minutes: Math.ceil((dueMs - now) / 60000) });
  }

  facts() {
    const { incident } = this;
    const { place } = incident;
    const isSomewhere = place.landing !== null || place.height_mm !== null || place.moving !== null;
    if (incident.stream !== 0 && !isSomewhere) return null;
    const rows = [
      whereFact(place),
      fact("door", say(`door_${place.door}`)),
      fact("motion", say(`moving_${place.moving ?? "unknown"}`)),
    ];
    if (incident.occupied_percent !== null || incident.stream === 0) {
      const inside = incident.occupied_percent;
      const value = inside === null ? say("occupied_unknown") : `${inside} %`;
      const isStrong = inside !== null && inside >= 50 && incident.condition_gone === null;
      const row = fact("occupied", value, isStrong ? "fact strong" : "fact");
      if (place.people !== null) row.append(text("dd", "small", say("people", { people: place.people })));
      rows.splice(1, 0, row);
    }
    return make("dl", "facts", ...rows);
  }

  firstCheck() {
    const { incident } = this;
    if (incident.first_check === null) return null;
    return make("p", "check", text("strong", "", `${say("first_check")} `), text("span", "", pick(incident.first_check)));
  }

  acts() {
    const { incident } = this;
    const row = make("div", "acts");
    if (!this.mayAct()) return make("div", "acts", text("p", "small", say("may_look")));
    const isGone = incident.condition_gone !== null;
    const rest = make("div", "rest");
    if (incident.taken_over_by === null && !isGone) {
      if (incident.stream === 0) {
        row.append(this.etaChoice(), button("take", say("take"), () => this.act("taken_over", this.etaMin)));
      } else {
        rest.append(button("plain", say("take"), () => this.act("taken_over", null)));
      }
    }
    if (incident.state === "taken_over") rest.append(button("plain", say("act_on_site"), () => this.act("on_site", null)));
    const close = this.confirmed("closed");
    close.classList.toggle("next", isGone);
    rest.append(close, this.confirmed("false_alarm"));
    row.append(rest);
    if (this.problem) row.append(text("p", "problem", this.problem));
    return row;
  }

  etaChoice() {
    const group = make("fieldset", "eta");
    group.append(text("legend", "", say("eta_minutes")));
    for (const minutes of ETA_CHOICES_MIN) {
      const choice = button("chip", String(minutes), () => {
        this.etaMin = minutes;
        for (const other of group.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === choice));
      });
      choice.setAttribute("aria-label", say("minutes", { minutes }));
      choice.setAttribute("aria-pressed", String(minutes === this.etaMin));
      group.append(choice);
    }
    return group;
  }

  confirmed(act) {
    const words = say(`act_${act}`);
    let armedMs = 0;
    const tap = button("plain", words, () => {
      if (Date.now() - armedMs < AGAIN_MS) return void this.act(act, null);
      armedMs = Date.now();
      tap.textContent = say("again", { act: words });
      setTimeout(() => { tap.textContent = words; }, AGAIN_MS);
    });
    return tap;
  }

  async act(act, etaMin) {
    this.problem = "";
    try {
      await this.send(this.incident, act, etaMin);
    } catch (error) {
      this.problem = error.message;
      this.show(this.incident);
    }
  }

  // The raw readings around the alarm: on the box, on their way, or here to be saved.
  recording() {
    const { id, recording } = this.incident;
    const row = make("dd", "");
    const kib = (bytes) => Math.ceil(bytes / 1024);
    row.append(text("span", "", say(`recording_${recording.state}`, { have: kib(recording.bytes_here), size: kib(recording.bytes) })));
    if (recording.state === "here") {
      row.append(" ", link("", `#lift=${this.incident.device}&picture=${id}`, say("picture")));
      row.append(" ", link("", `/v1/incidents/${encodeURIComponent(id)}/evidence`, say("recording_save")));
    } else if (recording.state !== "asked" && this.mayAct()) {
      row.append(" ", button("plain", say("recording_fetch"), () => this.fetchRecording()));
    }
    return row;
  }

  async fetchRecording() {
    this.problem = "";
    try {
      await this.ask(this.incident);
    } catch (error) {
      this.problem = error.message;
      this.show(this.incident);
    }
  }

  details() {
    const { incident } = this;
    const more = make("details", "");
    more.open = this.isOpened;
    more.addEventListener("toggle", () => { this.isOpened = more.open; });
    more.append(text("summary", "", say("details")));
    const list = make("dl", "more");
    const seen = incident.evidence.map((name) => (has(`saw_${name}`) ? say(`saw_${name}`) : name));
    list.append(text("dt", "", say("evidence")), text("dd", "", seen.join(say("comma")) || "–"));
    for (const measure of incident.measures) list.append(...signWords(measure));
    for (const sign of incident.signs) list.append(...signWords(sign));
    if (incident.note !== null) list.append(text("dt", "", say("note")), text("dd", "", incident.note));
    if (incident.recording !== null) list.append(text("dt", "", say("recording")), this.recording());
    list.append(text("dt", "", say("journal")), journal(incident));
    list.append(text("dt", "", say("number")), text("dd", "mono", incident.id));
    more.append(list);
    return more;
  }
}

function fact(key, value, className = "fact") {
  return make("div", className, text("dt", "", say(key)), text("dd", "", value));
}

function whereFact(place) {
  const height = place.height_mm === null ? null : say("height", { height: (place.height_mm / 1000).toFixed(2) });
  if (place.landing === null) return fact("where", height ?? say("where_unknown"), "fact wide");
  const row = fact("where", say(place.is_between_landings ? "between_landings" : "landing", { landing: place.landing }), "fact wide");
  const more = place.is_between_landings && height !== null ? [height, say("lowest")] : [say("lowest")];
  row.append(text("dd", "small", more.join(say("comma"))));
  return row;
}

function raisedWords(incident) {
  const { earliest_ms: from, latest_ms: to } = incident.raised;
  if (from === null) return say("raised_before", { to: clock(to, true) });
  if (to - from <= NARROW_MS) return say("raised_at", { time: clock(to, true) });
  return say("raised_between", { from: clock(from, true), to: clock(to) });
}

// A sign of an alarm or a measured value.
function signWords(sign) {
  return [text("dt", "", signName(sign)), text("dd", "", signValue(sign))];
}

function journal(incident) {
  const list = make("ol", "journal");
  list.append(text("li", "", `${clock(incident.stored_ms, true)} ${say("state_stored")}`));
  for (const notice of incident.notices) {
    const eta = notice.eta_min === null ? "" : `, ${say("eta")} ${say("minutes", { minutes: notice.eta_min })}`;
    const who = notice.who === null ? "" : `: ${notice.who}`;
    const told = say(notice.box_was_told ? "box_told" : "box_not_told");
    list.append(text("li", "", `${clock(notice.at_ms, true)} ${say(`act_${notice.act}`)}${who}${eta} (${told})`));
  }
  if (incident.condition_gone !== null) {
    list.append(text("li", "", `${clock(incident.condition_gone.latest_ms, true)} ${say("phase_condition_gone")}`));
  }
  if (incident.ended !== null) {
    list.append(text("li", "", `${clock(incident.ended.latest_ms, true)} ${say("phase_ended")}`));
  }
  return list;
}
