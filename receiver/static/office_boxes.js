// Boxes: let one join with a QR code, say at which lift it is, hear one no more.
import { ask } from "./ask.js";
import { subject } from "./card.js";
import { link, make, text } from "./dom.js";
import { card, deed, field, form } from "./forms.js";
import { invitation } from "./qr.js";
import { clock, say } from "./say.js";
import { may, me } from "./session.js";

export class BoxesRoom {
  constructor(board) {
    this.board = board;
    this.list = make("ul", "boxes");
    this.element = make("div", "", card(null, this.list));
    this.looks = "";
    if (may("installer")) this.element.prepend(this.another());
  }

  load() {
    this.tick();
  }

  // Drawn anew only where something changed, so that nobody types into what goes away.
  tick() {
    const devices = this.board()?.devices ?? [];
    const looks = JSON.stringify(devices.map((box) => [box.device, box.lift, box.revoked_ms]));
    if (looks === this.looks) return;
    this.looks = looks;
    this.list.replaceChildren(...(devices.length ? devices.map((box) => this.row(box)) : [text("li", "small", say("boxes_none"))]));
  }

  another() {
    const url = field(say("boxes_reach"), location.origin);
    const after = make("div", "");
    return card(say("box_another"), text("p", "small", say("box_another_how")), form(say("box_invite"), [url.element], async () => {
      after.replaceChildren(invitation(await ask("POST", "/v1/invitations", { url: url.input.value.trim() })));
    }), after);
  }

  row(box) {
    const isRevoked = box.revoked_ms !== null;
    const row = make("li", isRevoked ? "ill" : "", link("", `#lift=${box.device}`, subject(box.lift, box.device)), text("span", "small mono", box.device));
    if (isRevoked) row.append(text("span", "", say("box_revoked_since", { time: clock(box.revoked_ms, true) })));
    if (box.lift === null) row.append(text("strong", "", say("box_unassigned")), ...(may("installer") && me.firm === null ? [this.bind(box)] : []));
    if (may("admin")) row.append(revocation(box));
    return row;
  }

  bind(box) {
    const code = field(say("file_lift_no"), "", "text", 32);
    return form(say("box_bind"), [code.element], () => ask("PUT", `/v1/boxes/${box.device}/lift`, { lift: code.input.value.trim() }).then(() => say("saved")));
  }
}

// One tap, and a question, because a lift without a box calls nobody.
export function revocation(box) {
  const address = `/v1/boxes/${box.device}/revocation`;
  if (box.revoked_ms !== null) return deed(say("box_reinstate"), () => ask("DELETE", address));
  return deed(say("box_revoke"), async () => {
    if (confirm(say("box_revoke_sure", { box: subject(box.lift, box.device) }))) await ask("POST", address, {});
  }, "plain danger");
}
