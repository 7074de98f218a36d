// People who may sign in, and what they may do.
import { ask } from "./ask.js";
import { make, text } from "./dom.js";
import { card, choice, deed, field, form, table } from "./forms.js";
import { clock, say } from "./say.js";
import { me, ROLES } from "./session.js";

export class PeopleRoom {
  constructor() {
    this.element = make("div", "", text("p", "small", say("loading")));
  }

  async load() {
    try {
      const [{ users }, { firms }] = await Promise.all([ask("GET", "/v1/users"), ask("GET", "/v1/firms")]);
      this.firms = [["", say("firm_all")], ...firms.map((firm) => [firm.name, firm.name])];
      const heads = ["name", "shown", "role", "firm", "since", "acts"].map((name) => say(`person_${name}`));
      const all = users.length ? table(heads, users.map((user) => this.row(user))) : text("p", "small", say("people_none"));
      this.element.replaceChildren(card(null, all, text("p", "small", say("roles_mean"))), this.another());
    } catch (error) {
      this.element.replaceChildren(text("p", "problem", error.message));
    }
  }

  row(user) {
    const change = async (values) => {
      await ask("PATCH", `/v1/users/${encodeURIComponent(user.name)}`, values);
      await this.load();
    };
    const role = choice("", user.role, roles()).input;
    role.setAttribute("aria-label", say("person_role"));
    const problem = text("span", "problem", "");
    role.addEventListener("change", () => change({ role: role.value }).catch((error) => {
      problem.textContent = error.message;
      role.value = user.role;
    }));
    const password = field(say("person_new_password"), "", "password", 1000);
    const acts = make("div", "acts",
      deed(say(user.is_disabled ? "person_enable" : "person_disable"), () => change({ is_disabled: !user.is_disabled })),
      deed(say("person_remove"), async () => {
        if (!confirm(say("person_remove_sure", { who: user.name }))) return;
        await ask("DELETE", `/v1/users/${encodeURIComponent(user.name)}`);
        await this.load();
      }, "plain danger"),
      make("details", "", text("summary", "", say("person_new_password")), form(say("save"), [password.element], () => change({ password: password.input.value }))));
    const name = user.name === me.name ? say("person_you", { who: user.name }) : user.name;
    return [user.is_disabled ? say("person_off", { who: name }) : name, user.shown, make("span", "", role, problem), user.firm ?? say("firm_all"), clock(user.since_ms, true), acts];
  }

  another() {
    const name = field(say("person_name"), "", "text", 32);
    const shown = field(say("person_shown"), "", "text", 32);
    const role = choice(say("person_role"), "operator", roles());
    const firm = choice(say("person_firm"), "", this.firms);
    const password = field(say("sign_in_password"), "", "password", 1000);
    return card(say("person_another"), form(say("person_add"), [name, shown, role, firm, password].map((one) => one.element), async () => {
      const sent = { name: name.input.value.trim(), role: role.input.value, password: password.input.value };
      if (shown.input.value.trim()) sent.shown = shown.input.value.trim();
      if (firm.input.value) sent.firm = firm.input.value;
      await ask("POST", "/v1/users", sent);
      if (me.state === "local") location.reload(); // from now on everybody signs in
      else await this.load();
    }));
  }
}

function roles() {
  return ROLES.map((role) => [role, say(`role_${role}`)]);
}
