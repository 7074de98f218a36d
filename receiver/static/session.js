// Who looks at this page. A receiver that knows no people yet asks for a name only; later ones for a password.
import { ask, carry } from "./ask.js";

const ROLES_THAT_ACT = ["operator", "installer", "admin"];
export const me = { state: "unknown", shown: "", role: "" }; // state: unknown, local, in, out

export function mayAct() {
  return me.state === "local" || ROLES_THAT_ACT.includes(me.role);
}

// What the receiver says about us now; no answer leaves everything as it is.
export async function lookAgain() {
  try {
    become(await ask("GET", "/v1/session"));
  } catch (error) {
    if (error.status === 401) leave();
    else if (error.status === 404) Object.assign(me, { state: "local", shown: "", role: "admin" });
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
  Object.assign(me, { state: isLocal ? "local" : "in", shown: isLocal ? "" : said.shown, role: said.role });
}

function leave() {
  carry(null);
  Object.assign(me, { state: "out", shown: "", role: "" });
}
