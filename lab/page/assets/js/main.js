// The page's heart: one stream from the lab, and what is drawn of it.
import { h, patch } from "./dom.js";
import { Chart } from "./chart.js";
import { Timeline } from "./timeline.js";
import { Breaker, heal, offers } from "./faults.js";
import { rate, latency, since, time } from "./format.js";
import { zones } from "./zones.js";
import * as panels from "./panels.js";

const $ = (id) => document.getElementById(id);
const command = document.querySelector("meta[name=haven-command]").content;
const QUIET = 25000; // milliseconds without a word, then the lab counts as lost
const REST = 10000; // milliseconds out of sight, then the stream is given up: a browser has six connections for all tabs

const state = { region: new URLSearchParams(location.search).get("region") || "", picture: null, points: [], offers: [], started: null, faults: false, stale: "", lost: null, healing: false };
const timeline = new Timeline($("timeline"), $("filter"), $("problems"));
const requests = new Chart($("chart-requests"), { unit: "rate", least: 1, none: "No requests yet.", write: (n, axis) => (axis ? (n >= 10 ? Math.round(n) : +n.toFixed(1)) : rate(n)), series: [{ key: "requests", label: "requests", area: true }, { key: "errors", label: "errors", area: true }] });
const latencies = new Chart($("chart-latency"), { unit: "latency", least: 0.01, none: "No requests, so no latency.", write: (n) => latency(n), series: [{ key: "p50", label: "p50" }, { key: "p90", label: "p90" }, { key: "p99", label: "p99" }] });
const breaker = new Breaker($("faults"), (text) => {
  toast(text);
  refreshOffers();
});

let source = null;
let heard = Date.now();
let retry = null;

function connect() {
  clearTimeout(retry);
  if (source) source.close();
  const query = new URLSearchParams();
  if (state.region) query.set("region", state.region);
  if (timeline.last) query.set("after", timeline.last);
  source = new EventSource("stream?" + query);
  const on = (name, act) => source.addEventListener(name, (event) => {
    heard = Date.now();
    act(JSON.parse(event.data));
  });
  on("hello", hello);
  on("picture", (picture) => {
    const faults = (p) => p.faults.map((f) => f.id).join() + p.zones.flatMap((z) => [...z.servers, ...z.database, ...z.balancer].map((x) => x.id + x.role)).join();
    const changed = !state.picture || faults(state.picture) !== faults(picture);
    state.picture = picture;
    if (changed) refreshOffers();
    draw();
  });
  on("points", (points) => {
    state.points = state.points.concat(points).slice(-300);
  });
  on("events", ({ events }) => timeline.add(events));
  on("beat", () => {});
  on("stale", (why) => {
    state.stale = why;
    draw();
  });
  source.onopen = () => {
    heard = Date.now();
    found();
  };
  source.onerror = () => {
    lose();
    if (source.readyState === EventSource.CLOSED) retry = setTimeout(connect, 2000);
  };
}

function hello(greeting) {
  if (state.started && state.started !== greeting.started) {
    location.reload(); // another lab, maybe a newer one: its page and its token
    return;
  }
  state.started = greeting.started;
  state.faults = greeting.faults;
  state.region = greeting.region;
  state.points = [];
  timeline.keep(greeting.floor);
  patch($("region"), greeting.regions.map((name) => h("option", { key: name, value: name, selected: name === greeting.region }, name)));
  $("region").value = greeting.region;
}

function lose() {
  if (!state.lost) state.lost = new Date().toISOString();
  document.body.classList.add("away");
  $("lost").hidden = false;
  patch($("lost"), ["The lab does not answer since " + time(state.lost) + ". Trying again by itself. If it has stopped, type: ", h("code", {}, command + " lab start")]);
  drawLink();
}

function found() {
  state.lost = null;
  document.body.classList.remove("away");
  $("lost").hidden = true;
  drawLink();
}

function drawLink() {
  $("link").className = state.lost || state.stale ? "link off" : "link";
  const words = state.lost ? "not connected" : state.stale ? "old picture: " + state.stale : state.picture ? "live · lab up " + since(state.started) : "connecting";
  patch($("link"), [h("i", {}), h("span", {}, words)]);
}

function draw() {
  const p = state.picture;
  drawLink();
  if (!p) return;
  const [kind, words] = panels.verdict(p);
  $("verdict").className = "verdict " + kind;
  patch($("verdict"), words);
  document.title = p.empty ? "Haven lab" : ({ well: "", changing: "… ", degraded: "▲ ", down: "✕ " }[p.verdict] || "") + "Haven lab · " + p.region;
  patch($("notices"), panels.notices(p, state.faults && healOne, state.healing));
  patch($("figures"), panels.figures(p));
  const shown = zones(p, state.offers, (name, choices) => breaker.open(name, choices, state.region));
  $("zones").style.setProperty("--rows", shown.rows);
  $("zones").style.setProperty("--columns", shown.columns);
  patch($("zones"), p.empty ? panels.empty(p, command) : shown.view);
  document.querySelector(".charts").hidden = p.empty;
  if (!p.empty) {
    requests.show(state.points, panels.curl(p));
    latencies.show(state.points);
  }
  patch($("alarms"), panels.alarms(p));
  patch($("scaling"), panels.scaling(p));
}

async function refreshOffers() {
  if (!state.faults) return;
  try {
    state.offers = await offers(state.region);
    draw();
  } catch {
    // the next picture with another fault tries again
  }
}

async function healOne(id) {
  state.healing = true;
  draw();
  try {
    await heal(state.region, id);
    toast(id ? "Healed." : "All faults are healed.");
  } catch (error) {
    toast("Not healed: " + error.message);
  }
  state.healing = false;
  draw();
}

let toasting = null;
function toast(text) {
  $("toast").textContent = text;
  $("toast").hidden = false;
  clearTimeout(toasting);
  toasting = setTimeout(() => ($("toast").hidden = true), 5000);
}

$("region").onchange = (event) => {
  state.region = event.target.value;
  history.pushState(null, "", "?region=" + encodeURIComponent(state.region));
  restart();
};
window.onpopstate = () => {
  state.region = new URLSearchParams(location.search).get("region") || "";
  restart();
};
function restart() {
  Object.assign(state, { picture: null, points: [], offers: [], stale: "" });
  timeline.clear();
  connect();
}
let resting = null;
document.addEventListener("visibilitychange", () => {
  clearTimeout(resting);
  if (!document.hidden) {
    if (source.readyState === EventSource.CLOSED || Date.now() - heard > QUIET) connect();
    return;
  }
  resting = setTimeout(() => {
    source.close();
    document.title = "Haven lab (paused)";
  }, REST);
});
setInterval(() => {
  if (!document.hidden && Date.now() - heard > QUIET) {
    lose();
    heard = Date.now();
    connect();
  }
  drawLink();
}, 5000);
timeline.draw();
connect();
