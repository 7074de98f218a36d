// The register: one lift, one file. Its firm, its boxes, and giving it to another firm.
import { ask } from "./ask.js";
import { button, link, make, text } from "./dom.js";
import { card, choice, deed, field, form, personName, table } from "./forms.js";
import { invitation } from "./qr.js";
import { clock, say } from "./say.js";
import { may, me } from "./session.js";
import { Steps } from "./steps.js";

const DATES = ["installed_on", "checked_on", "next_check_on"];
const NUMBERS = ["landings", "rated_speed_mmps", "rated_load_kg"];
const FIELDS = ["maker", "model", "serial", ...DATES, "address", "lift_phone", "owner", "owner_phone", ...NUMBERS, "landing_names", "note"];

export class LiftsRoom {
  constructor() {
    this.element = make("div", "");
  }

  async load(lift) {
    this.element.replaceChildren(text("p", "small", say("loading")));
    try {
      await (lift === null ? this.list("") : this.file(lift));
    } catch (error) {
      this.element.replaceChildren(text("p", "problem", error.message));
    }
  }

  // ---- all lifts

  async list(after) {
    const said = await ask("GET", `/v1/lifts?after=${encodeURIComponent(after)}`);
    const rows = said.lifts.map((lift) => [
      link("mono", `#office=lifts&lift=${encodeURIComponent(lift.lift_no)}`, lift.lift_no), lift.address, lift.maker, lift.firm, lift.next_check_on, String(lift.devices.length)]);
    const heads = ["lift_no", "address", "maker", "firm", "next_check_on", "devices"].map((name) => say(`file_${name}`));
    const all = card(null, rows.length ? table(heads, rows) : text("p", "small", say("lifts_none")));
    if (said.after !== null) all.append(button("plain", say("more"), () => this.list(said.after)));
    const parts = [all];
    if (may("installer")) parts.push(this.another());
    if (me.firm === null) parts.push(await this.firms());
    this.element.replaceChildren(...parts);
  }

  another() {
    const code = field(say("file_lift_no"), "", "text", 32);
    return card(say("lift_another"), form(say("open_file"), [code.element], async () => {
      await ask("PUT", `/v1/lifts/${encodeURIComponent(code.input.value.trim())}`, {});
      location.hash = `#office=lifts&lift=${encodeURIComponent(code.input.value.trim())}`;
    }));
  }

  async firms() {
    const { firms } = await ask("GET", "/v1/firms");
    const heads = ["firm", "phone", "mail"].map((name) => say(`file_${name}`));
    const box = card(say("firms"), firms.length ? table(heads, firms.map((firm) => [firm.name, firm.phone, firm.mail])) : text("p", "small", say("firms_none")));
    if (may("admin")) {
      const [name, phone, mail] = [field(say("file_firm"), "", "text", 100), field(say("file_phone"), "", "tel"), field(say("file_mail"), "")];
      box.append(form(say("save_firm"), [name.element, phone.element, mail.element], async () => {
        await ask("PUT", `/v1/firms/${encodeURIComponent(name.input.value.trim())}`, { phone: phone.input.value, mail: mail.input.value });
        await this.list("");
      }));
    }
    return box;
  }

  // ---- one lift

  async file(code) {
    const lift = await ask("GET", `/v1/lifts/${encodeURIComponent(code)}`);
    const parts = [
      link("back", "#office=lifts", say("room_lifts")),
      text("h3", "mono", lift.lift_no),
      text("p", "small", say("changed_by", { who: personName(lift.changed_by), time: clock(lift.changed_ms, true) })),
      may("installer") ? this.form(lift) : this.read(lift), this.boxes(lift), await this.hands(lift)];
    if (me.firm === null) parts.push(new Steps(lift.lift_no, say("list_of_lift")).element);
    this.element.replaceChildren(...parts);
  }

  read(lift) {
    const list = make("dl", "more");
    for (const name of FIELDS) list.append(text("dt", "", say(`file_${name}`)), text("dd", "", shown(lift, name) || "–"));
    return card(null, list);
  }

  form(lift) {
    const kinds = Object.fromEntries([...DATES.map((name) => [name, "date"]), ...NUMBERS.map((name) => [name, "number"])]);
    const fields = FIELDS.map((name) => [name, field(say(`file_${name}`), shown(lift, name), kinds[name] ?? "text")]);
    return card(null, form(say("save"), fields.map(([, one]) => one.element), async () => {
      const sent = {};
      for (const [name, { input }] of fields) {
        if (input.value.trim() === shown(lift, name)) continue;
        sent[name] = NUMBERS.includes(name) ? Number(input.value) : input.value.trim();
      }
      Object.assign(lift, await ask("PUT", `/v1/lifts/${encodeURIComponent(lift.lift_no)}`, sent));
      return say("saved");
    }));
  }

  boxes(lift) {
    const list = make("ul", "over", ...lift.devices.map((device) => make("li", "", link("mono", `#lift=${device}`, device))));
    return card(say("file_devices"), lift.devices.length ? list : text("p", "small", say("boxes_of_lift_none")));
  }

  async hands(lift) {
    const list = make("ul", "over", ...lift.firms.map((firm) => make("li", "",
      text("strong", "", firm.firm),
      text("span", "small", say(firm.until_ms === null ? "firm_since" : "firm_from_to", {
        from: clock(firm.since_ms, true), to: firm.until_ms === null ? "" : clock(firm.until_ms, true), who: personName(firm.by) })))));
    const box = card(say("firm_history"), lift.firms.length ? list : text("p", "small", say("firm_nobody")));
    if (may("admin") && me.firm === null) box.append(await this.handOver(lift));
    return box;
  }

  async handOver(lift) {
    const { firms } = await ask("GET", "/v1/firms");
    const others = firms.filter((firm) => firm.name !== lift.firm).map((firm) => [firm.name, firm.name]);
    if (others.length === 0) return text("p", "small", say("firms_no_other"));
    const to = choice(say("hand_over_to"), others[0][0], others);
    const url = field(say("boxes_reach"), location.origin);
    const after = make("div", "");
    return make("div", "", text("h3", "", say("hand_over")), text("p", "small", say("hand_over_means")),
      form(say("hand_over_do"), [to.element, url.element], async () => {
        const said = await ask("POST", `/v1/lifts/${encodeURIComponent(lift.lift_no)}/handover`, { firm: to.input.value, url: url.input.value });
        const boxes = said.devices.length ? say("hand_over_boxes", { devices: said.devices.join(say("comma")) }) : say("hand_over_no_boxes");
        after.replaceChildren(text("p", "", boxes), invitation(said), deed(say("reload"), () => this.load(lift.lift_no)));
      }), after);
  }
}

function shown(lift, name) {
  const value = name === "landing_names" ? lift.landing_names.join(", ") : lift[name];
  return value === null ? "" : String(value);
}
