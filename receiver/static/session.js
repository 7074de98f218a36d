// Who looks at this page. A receiver that knows no people yet asks for a name only; later ones for a password.
import { ask, carry } from "./ask.js";

export const ROLES = ["viewer", "operator", "installer", "admin"]; // from least to most
export const me = { state: "unknown", name: "", shown: "", role: "", firm: null }; // state: unknown, local, in, out

// Whether the role of whoever looks is at least this one. The receiver decides; the page only leaves out what it would refuse.
export function may(role) {
  return me.state === "local" || (me.state === "in" && ROLES.indexOf(me.role) >= ROLES.indexOf(role));
}

export function mayAct() {
  return may("operator");
}

// What the receiver says about us now; no answer leaves everything as it is.
export async function lookAgain() {
  try {
    become(await ask("GET", "/v1/session"));
  } catch (error) {
    if (error.status === 401) leave();
    else if (error.status === 404) Object.assign(me, { state: "local", name: "", shown: "", role: "admin", firm: null });
  }
  return me.state;
}

export async function signIn(name, password) {
  become(await ask("POST", "/v1/session", { name, password }));
}

export async function signOut() {
  await ask("DELETE", "/v1/session");
  leave();
}

function become(said) {
  carry(said.csrf ?? null);
  const isLocal = said.name === "local" && (said.until_ms ?? null) === null;
  Object.assign(me, { state: isLocal ? "local" : "in", name: isLocal ? "" : said.name, shown: isLocal ? "" : said.shown, role: said.role, firm: said.firm ?? null });
}

function leave() {
  carry(null);
  Object.assign(me, { state: "out", name: "", shown: "", role: "", firm: null });
}
