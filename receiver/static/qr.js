// An invitation: its QR code, drawn as one path, and its text to copy.
import { make, text } from "./dom.js";
import { say } from "./say.js";

const SVG = "http://www.w3.org/2000/svg";

// rows: of "0" and "1", the white around the code included.
export function qrCode(rows) {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("class", "qr");
  picture.setAttribute("viewBox", `0 0 ${rows[0].length} ${rows.length}`);
  picture.setAttribute("shape-rendering", "crispEdges");
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", say("qr_label"));
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", rows.flatMap((row, y) => [...row].map((dark, x) => (dark === "1" ? `M${x} ${y}h1v1h-1z` : ""))).join(""));
  picture.append(path);
  return picture;
}

// said: {invitation, qr} of the receiver.
export function invitation(said) {
  return make("div", "invitation", qrCode(said.qr),
    make("div", "", text("p", "", say("invitation_good")), text("p", "mono invitation-text", said.invitation),
      text("p", "small", say("invitation_use"))));
}
