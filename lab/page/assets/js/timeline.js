// The timeline: newest first, bounded, filtered here.
import { h, icon, patch } from "./dom.js";
import { time } from "./format.js";

const MOST = 400;
const shapes = { info: "info", good: "well", warning: "warning", critical: "failing" };
const words = { info: "", good: "Recovered: ", warning: "Warning: ", critical: "Critical: " };

export class Timeline {
  constructor(host, filter, problems) {
    Object.assign(this, { host, filter, problems });
    this.events = [];
    this.last = 0;
    this.fresh = new Set();
    filter.oninput = () => this.draw();
    problems.onchange = () => this.draw();
  }

  clear() {
    this.events = [];
    this.last = 0;
    this.first = true;
    this.draw();
  }

  // keep drops what the lab itself has forgotten: after a reset nothing of before is left.
  keep(floor) {
    if (floor) this.events = this.events.filter((e) => e.id >= floor);
    else this.events = [];
  }

  add(events) {
    const had = this.events.length > 0;
    for (const event of events) {
      if (event.id <= this.last) continue;
      this.last = event.id;
      this.events.unshift(event);
      if (had) this.fresh.add(event.id);
    }
    this.events.length = Math.min(this.events.length, MOST);
    this.draw();
    setTimeout(() => this.fresh.clear(), 2600);
  }

  draw() {
    const wanted = this.filter.value.trim().toLowerCase();
    const shown = this.events.filter((e) => (!this.problems.checked || e.severity === "warning" || e.severity === "critical") && (!wanted || [e.subject, e.text, e.zone, e.source].join(" ").toLowerCase().includes(wanted)));
    patch(this.host, shown.length ? shown.map((e) => this.row(e)) : h("p", { class: "hint" }, this.events.length ? "No event matches." : "Nothing has happened yet. Events appear here as servers start, checks fail and faults are injected."));
  }

  row(e) {
    return h("div", { key: String(e.id), class: this.fresh.has(e.id) ? "event fresh" : "event" }, h("time", { datetime: e.time }, time(e.time)), icon(shapes[e.severity] || "info"),
      h("p", { title: e.text.length > 120 && e.text }, h("span", { class: "quiet" }, words[e.severity] || ""), h("span", { class: "id" }, e.subject), " ", e.text, (e.zone || e.source) && h("span", { class: "where" }, " · " + [e.zone, e.source].filter(Boolean).join(" · "))));
  }
}
