// Line charts of the last five minutes, a point a second, in plain SVG.
import { h, s, patch } from "./dom.js";

const WIDTH = 600;
const HEIGHT = 132;
const LEFT = 44;
const BOTTOM = 18;
const TOP = 6;
const SPAN = 300; // seconds

// steps that an axis may have, so that its numbers are round
function ceiling(value) {
  if (!(value > 0)) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  for (const step of [1, 2, 3, 5, 10]) if (step * power >= value * 1.05) return step * power;
  return 20 * power;
}

export class Chart {
  constructor(section, { series, write, unit, least, none }) {
    this.body = section.querySelector(".body");
    Object.assign(this, { series, write, unit, least, none });
    this.at = null;
    this.points = [];
    this.width = WIDTH;
    new ResizeObserver(([entry]) => {
      this.width = Math.max(260, Math.round(entry.contentRect.width));
      this.draw();
    }).observe(this.body);
  }

  show(points, hint) {
    this.points = points;
    this.hint = hint;
    this.draw();
  }

  draw() {
    const { points, width } = this;
    const now = points.length ? points[points.length - 1].second : Math.floor(Date.now() / 1000);
    const x = (second) => width - ((now - second) / SPAN) * (width - LEFT);
    const top = ceiling(Math.max(this.least, ...points.flatMap((p) => this.series.map(({ key }) => p[key]))));
    const y = (value) => HEIGHT - BOTTOM - (Math.min(value, top) / top) * (HEIGHT - BOTTOM - TOP);
    const shown = this.at !== null && points.length ? points.reduce((best, p) => (Math.abs(x(p.second) - this.at) < Math.abs(x(best.second) - this.at) ? p : best)) : points[points.length - 1];
    const quiet = !points.some((p) => p.requests > 0);
    patch(this.body, [
      s("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": this.words(shown), onpointermove: (e) => this.point(e), onpointerleave: () => this.point(null) },
        [0, 0.5, 1].map((part) => [
          s("line", { class: "grid", x1: LEFT, x2: width, y1: y(top * part), y2: y(top * part) }),
          s("text", { x: LEFT - 6, y: y(top * part) + 4, "text-anchor": "end" }, this.write(top * part, true)),
        ]),
        (width < 420 ? [300, 120, 0] : [300, 240, 180, 120, 60, 0]).map((ago) => s("text", { x: x(now - ago), y: HEIGHT - 3, "text-anchor": ago === 0 ? "end" : ago === 300 ? "start" : "middle" }, ago === 0 ? "now" : `−${ago / 60} min`)),
        this.series.map(({ key, area }) => [
          area && s("path", { class: "area a-" + key, d: this.path(x, y, key, true) }),
          s("path", { class: "line k-" + key, d: this.path(x, y, key, false) }),
        ]),
        this.at !== null && shown && s("line", { class: "cursor", x1: x(shown.second), x2: x(shown.second), y1: TOP, y2: HEIGHT - BOTTOM })),
      quiet && h("div", { class: "none" }, this.hint || this.none),
      h("div", { class: "legend" },
        this.series.map(({ key, label }) => h("span", {}, s("svg", { viewBox: "0 0 22 8", "aria-hidden": "true" }, s("line", { class: "line k-" + key, x1: 0, x2: 22, y1: 4, y2: 4 })), label + " ", h("b", {}, shown && shown.requests ? this.write(shown[key]) : this.write(0)))),
        this.at !== null && shown && h("span", {}, "at " + new Date(shown.second * 1000).toLocaleTimeString("en-GB"))),
    ]);
  }

  // A second without requests has no latency: the line has a gap there.
  path(x, y, key, closed) {
    let d = "";
    let open = false;
    let last = 0;
    for (const p of this.points) {
      const gap = this.unit === "latency" && !p.requests;
      if (gap) {
        open = false;
        continue;
      }
      const at = x(p.second).toFixed(1);
      if (closed && !open) d += `M${at} ${y(0).toFixed(1)}L${at} ${y(p[key]).toFixed(1)}`;
      else d += `${open ? "L" : "M"}${at} ${y(p[key]).toFixed(1)}`;
      if (!closed && !open) d += `L${at} ${y(p[key]).toFixed(1)}`;
      open = true;
      last = at;
    }
    return closed && open ? d + `L${last} ${y(0).toFixed(1)}Z` : d;
  }

  words(p) {
    if (!p || !p.requests) return "no requests now";
    return this.series.map(({ key, label }) => `${label} ${this.write(p[key])}`).join(", ") + " now";
  }

  point(event) {
    this.at = event ? event.clientX - this.body.getBoundingClientRect().left : null;
    this.draw();
  }
}
