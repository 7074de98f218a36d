// The rooms beside the alarms: register of lifts, boxes, escalation, people, audit log. One is shown at a time.
import { AuditRoom } from "./office_audit.js";
import { BoxesRoom } from "./office_boxes.js";
import { LiftsRoom } from "./office_lifts.js";
import { PeopleRoom } from "./office_people.js";
import { ToldRoom } from "./office_told.js";
import { link, make, text } from "./dom.js";
import { say } from "./say.js";
import { may, me } from "./session.js";

// Who may enter: the least role, and whether somebody who sees the lifts of one firm only may.
const ROOMS = {
  lifts: { role: "viewer", isForFirms: true, make: () => new LiftsRoom() },
  boxes: { role: "viewer", isForFirms: true, make: (board) => new BoxesRoom(board) },
  told: { role: "viewer", isForFirms: false, make: () => new ToldRoom() },
  people: { role: "admin", isForFirms: false, make: () => new PeopleRoom() },
  audit: { role: "admin", isForFirms: false, make: () => new AuditRoom() },
};
const PLACE = /^#office=([a-z]+)(?:&lift=([^&]{1,300}))?$/;

function mayEnter(name) {
  return may(ROOMS[name].role) && (ROOMS[name].isForFirms || me.firm === null);
}

export class Office {
  // place: where a room is shown; doors: where the links to all rooms are; board() -> the last whole picture or null.
  constructor(place, doors, board) {
    Object.assign(this, { place, doors, board });
    this.name = null;
    this.room = null;
  }

  // Whether the address is that of a room.
  static isAt(hash) {
    const found = PLACE.exec(hash);
    return found !== null && found[1] in ROOMS;
  }

  show(hash) {
    const found = Office.isAt(hash) ? PLACE.exec(hash) : null;
    this.name = found?.[1] ?? null;
    this.place.hidden = found === null;
    this.room = null;
    this.showDoors();
    if (found === null) return;
    if (!mayEnter(this.name)) {
      this.place.replaceChildren(text("p", "problem", say("status_403")));
      return;
    }
    this.room = ROOMS[this.name].make(this.board);
    this.place.replaceChildren(link("back", "#", say("room_alarms")), text("h2", "lift-title", say(`room_${this.name}`)), this.room.element);
    this.room.load(found[2] === undefined ? null : decoded(found[2]));
  }

  // The boxes may be others now.
  tick() {
    this.room?.tick?.();
  }

  showDoors() {
    const names = me.state === "in" || me.state === "local" ? Object.keys(ROOMS).filter(mayEnter) : [];
    const alarms = link(this.name === null ? "here" : "", "#", say("room_alarms"));
    const rooms = names.map((name) => link(name === this.name ? "here" : "", `#office=${name}`, say(`room_${name}`)));
    this.doors.replaceChildren(...(names.length ? [alarms, ...rooms] : []));
  }
}

function decoded(words) {
  try {
    return decodeURIComponent(words);
  } catch {
    return words;
  }
}
