// The page of one lift: how its box is, what happened here, last trips, doors, how trips change, pictures of alarms.
import { ask } from "./ask.js";
import { subject } from "./card.js";
import { draw, palette } from "./charts.js";
import { button, link, make, text } from "./dom.js";
import { showPicture } from "./picture.js";
import { clock, currentLanguage, pick, say } from "./say.js";
import { signName, signValue } from "./signs.js";
import { visits } from "./visits.js";

const AGAIN_MS = 60000; // trips arrive within a minute of their end
const SOON_MS = 1500; // several records of one event are one question
const DOOR_KINDS = [5, 44, 45, 46, 47, 48, 49];
const TRIPS_SHOWN = 20;

export class LiftPage {
  // askRecording(incident) -> promise; status(device) -> element: how the box is now; nowMs() -> receiver's time.
  constructor(place, askRecording, status, nowMs, mayAct) {
    Object.assign(this, { place, askRecording, status, nowMs, mayAct });
    this.device = null;
    this.timer = null;
    setInterval(() => this.device !== null && this.load(), AGAIN_MS);
  }

  // device null: leave. picture: id of an incident whose picture is wanted, or null.
  async show(device, picture) {
    const isOther = device !== this.device;
    this.device = device;
    this.picture = picture;
    this.place.hidden = device === null;
    if (device === null) return;
    if (isOther) {
      this.lift = null;
      this.place.replaceChildren(text("p", "small", say("loading")));
    } else {
      this.render();
    }
    await this.load();
  }

  // Something about this lift changed.
  touch(device) {
    if (device !== this.device) return;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.load(), SOON_MS);
  }

  async load() {
    const device = this.device;
    try {
      const lift = await ask("GET", `/v1/boxes/${encodeURIComponent(device)}`);
      if (device !== this.device) return;
      this.lift = lift;
      this.render();
    } catch (error) {
      if (device === this.device && this.lift === null) this.place.replaceChildren(back(), text("p", "problem", error.message));
    }
  }

  render() {
    if (this.lift === null || this.device === null) return;
    const { lift } = this;
    this.now = make("div", "now");
    const title = make("h2", "lift-title", text("span", "", subject(lift.lift, lift.device)));
    const id = text("p", "small mono", lift.device);
    this.place.replaceChildren(back(), title, id, this.now, this.incidents(), this.pictureBox(), this.trips(), this.trends(), this.doors(), visits(this.lift), this.box());
    this.tick();
    this.drawTrends().catch((error) => { this.trendPlot.textContent = error.message; });
    this.showPicture();
  }

  tick() {
    if (this.now && this.device !== null) this.now.replaceChildren(this.status(this.device));
  }

  // ---- what happened

  incidents() {
    const list = make("ul", "over");
    for (const incident of this.lift.incidents) {
      const row = make("li", incident.is_open ? "open-row" : "",
        text("span", "small", clock(incident.raised.latest_ms, true)),
        text("strong", "", pick(incident.title)),
        text("span", "small", say(`state_${incident.state}`)),
        incident.occupied_percent === null ? null : text("span", "small", `${say("occupied")}: ${incident.occupied_percent} %`),
        incident.taken_over_by === null ? null : text("span", "small", say("taken_by", { who: incident.taken_over_by })));
      if (incident.recording !== null) row.append(this.pictureWay(incident));
      list.append(row);
    }
    if (this.lift.incidents.length === 0) list.append(text("li", "small", say("lift_quiet")));
    return section("lift_incidents", list);
  }

  pictureWay(incident) {
    const { state, bytes, bytes_here: here } = incident.recording;
    if (state === "here") return link("picture-link", `#lift=${this.device}&picture=${incident.id}`, say("picture"));
    const words = text("span", "small", say(`recording_${state}`, { have: Math.ceil(here / 1024), size: Math.ceil(bytes / 1024) }));
    if (state === "asked" || !this.mayAct()) return words;
    return make("span", "", words, " ", button("plain", say("picture_fetch"), async (event) => {
      event.target.disabled = true;
      try {
        await this.askRecording(incident);
      } catch (error) {
        words.textContent = error.message;
        event.target.disabled = false;
      }
    }));
  }

  // ---- the picture

  pictureBox() {
    this.pictured = make("div", "");
    const whole = section("picture", this.pictured);
    whole.hidden = this.picture === null;
    return whole;
  }

  async showPicture() {
    const place = this.pictured;
    const id = this.picture;
    if (id === null) return;
    if (this.drawn?.id === id && this.drawn.touched === this.touchedBy(id)) return void place.replaceChildren(...this.drawn.elements);
    place.replaceChildren(text("p", "small", say("loading")));
    try {
      const picture = await ask("GET", `/v1/incidents/${encodeURIComponent(id)}/picture`);
      if (this.pictured !== place) return;
      const incident = this.lift.incidents.find((one) => one.id === id);
      const title = incident === undefined ? "" : `${pick(incident.title)} · ${clock(incident.raised.latest_ms, true)}`;
      const elements = [text("h3", "", title), make("div", "")];
      place.replaceChildren(...elements);
      await showPicture(elements[1], picture);
      this.drawn = { id, touched: this.touchedBy(id), elements };
    } catch (error) {
      place.replaceChildren(text("p", "problem", error.message));
    }
  }

  // What would make the picture look different: another stage of its incident.
  touchedBy(id) {
    const incident = this.lift.incidents.find((one) => one.id === id);
    const about = incident === undefined ? [] : [incident.state, incident.signs, incident.recording];
    return JSON.stringify([currentLanguage(), ...about]);
  }

  // ---- trips

  trips() {
    const head = ["trip_time", "trip_way", "trip_distance", "trip_lasted", "trip_speed", "trip_accel", "trip_decel", "trip_jerk"];
    const table = make("table", "");
    table.append(make("thead", "", make("tr", "", ...head.map((key) => text("th", "", say(key))))));
    const body = make("tbody", "");
    for (const trip of this.lift.trips.slice(0, TRIPS_SHOWN)) {
      const arrow = trip.moving === "up" ? "↑" : trip.moving === "down" ? "↓" : "";
      const cells = [clock(trip.at_ms, true), `${number(trip.from, 0)} → ${number(trip.to, 0)} ${arrow}`,
        number(trip.distance_m, 2), number(trip.time_s, 1), number(trip.speed_mps, 2), number(trip.accel_mps2, 2), number(trip.decel_mps2, 2), number(trip.jerk_mps3, 1)];
      body.append(make("tr", "", ...cells.map((cell) => text("td", "", cell))));
    }
    table.append(body);
    return section("lift_trips", this.lift.trips.length ? make("div", "scrolled", table) : text("p", "small", say("trips_none")));
  }

  trends() {
    this.trendPlot = make("div", "plot trend");
    const every = this.lift.every > 1 ? say("trend_every", { every: this.lift.every }) : say("trend_all");
    return section("lift_trends", this.lift.days.length ? this.trendPlot : text("p", "small", say("trips_none")), text("p", "small", every));
  }

  async drawTrends() {
    const { days } = this.lift;
    if (days.length === 0) return;
    const colours = palette();
    const x = days.map((day) => new Date(day.start_ms).toISOString().slice(0, 10));
    const line = (key, field, unit, yaxis, hue) => ({ x, y: days.map((day) => day[field]), xaxis: "x", yaxis, mode: "lines+markers", name: say(key), line: { color: hue, width: 2 },
      hovertemplate: `%{y:.2f} ${unit}<extra>${say(key)}</extra>` });
    const title = (key, y) => ({ text: say(key), x: 0, xref: "paper", xanchor: "left", y, yref: "paper", yanchor: "bottom", showarrow: false, font: { color: colours.soft } });
    this.trendPlot.style.height = "420px";
    await draw(this.trendPlot, [
      line("trip_accel", "accel_mps2", "m/s²", "y", colours.orange), line("trip_decel", "decel_mps2", "m/s²", "y", colours.speed),
      line("trip_jerk", "jerk_mps3", "m/s³", "y2", colours.curve), line("trip_speed", "speed_mps", "m/s", "y3", colours.green),
    ], {
      xaxis: { type: "date", tickformat: "%Y-%m-%d", hoverformat: "%Y-%m-%d", nticks: 6, anchor: "y3", fixedrange: true }, hovermode: "x",
      yaxis: { domain: [0.72, 0.96], rangemode: "tozero", fixedrange: true }, yaxis2: { domain: [0.37, 0.6], rangemode: "tozero", fixedrange: true },
      yaxis3: { domain: [0, 0.24], rangemode: "tozero", fixedrange: true },
      annotations: [title("trend_peaks", 0.98), title("trend_jerk", 0.62), title("trend_speed", 0.26)],
    });
  }

  // ---- doors and box

  doors() {
    const found = this.lift.incidents.filter((incident) => DOOR_KINDS.includes(incident.kind));
    const list = make("ul", "over");
    for (const incident of found) {
      const said = [...incident.measures, ...incident.signs].map((sign) => `${signName(sign)}: ${signValue(sign)}`);
      list.append(make("li", "", text("span", "small", clock(incident.raised.latest_ms, true)), text("strong", "", pick(incident.title)), text("span", "", said.join(say("comma")))));
    }
    if (found.length === 0) list.append(text("li", "small", say("doors_quiet")));
    return section("lift_doors", list, text("p", "small", say("doors_more")));
  }

  box() {
    const { lift } = this;
    const list = make("dl", "more");
    const row = (key, words) => list.append(text("dt", "", say(key)), text("dd", "", words));
    row("box_firmware", lift.firmware ?? "–");
    if (lift.first_contact_ms !== null) row("box_first", clock(lift.first_contact_ms, true));
    row("box_test", lift.test_ms === null ? say("test_never") : clock(lift.test_ms, true));
    if (lift.health !== null) {
      for (const measure of lift.health.measures) row(`measure_${measure.name}`, signValue(measure));
      row("box_health_at", clock(lift.health.at_ms, true));
    }
    if (lift.signal.length) row("box_signal", lift.signal.map((one) => say("signal_at", one)).join(say("comma")));
    return section("lift_box", list);
  }
}

function section(key, ...children) {
  return make("section", "", text("h2", "", say(key)), ...children);
}

function back() {
  return link("back", "#", say("back"));
}

function number(value, places) {
  return value === null ? "–" : value.toFixed(places);
}
