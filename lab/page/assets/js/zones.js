// The zones as columns: tier by tier what is there, how it is and what flows.
import { h, icon } from "./dom.js";
import { rate, bytes, latency } from "./format.js";

const words = { well: "well", busy: "changing", failing: "failing", off: "off" };

// A tier is shown when any zone has something in it.
const tiers = [
  { key: "firewall", name: "Firewall", from: "internet", to: "firewall", arrow: "↓", card: firewall },
  { key: "balancer", name: "Balancer", from: "firewall", to: "balancer", arrow: "↓", card: node },
  { key: "servers", name: "Servers", from: "balancer", to: "servers", arrow: "↓", card: server },
  { key: "database", name: "Database", from: "servers", to: "database", arrow: "⇅", card: member },
  { key: "mounts", name: "Files", from: "servers", to: "files", arrow: "⇅", card: mount, also: ["copies", copy] },
  { key: "nat", name: "NAT", from: "servers", to: "internet", arrow: "↑", card: nat },
];

export function zones(picture, offers, open) {
  const used = tiers.filter(({ key, also }) => picture.zones.some((z) => z[key].length || (also && z[also[0]].length)));
  return {
    rows: used.length + 1,
    columns: picture.zones.length,
    view: picture.zones.map((zone) =>
      h("article", { key: zone.name, class: "zone " + zone.health, "aria-label": "Zone " + zone.name },
        h("header", {}, icon(zone.health), h("h2", {}, zone.name), h("span", { class: "quiet" }, words[zone.health]),
          zone.faults.map((id) => h("span", { class: "tag fault" }, kindOf(picture, id))),
          breaker(offers, { zone: zone.name, on: "" }, "zone " + zone.name, open, "Break…")),
        used.map((tier) => section(picture, zone, tier, offers, open)))),
  };
}

function section(picture, zone, tier, offers, open) {
  const cards = zone[tier.key].map((x) => tier.card(x, picture, zone, offers, open));
  if (tier.also) for (const x of zone[tier.also[0]]) cards.push(tier.also[1](x, picture, zone, offers, open));
  return h("section", { key: tier.key, class: "tier", "aria-label": tier.name + " in " + zone.name },
    h("div", { class: "cap" }, h("h3", {}, tier.name), flow(picture, zone, tier)),
    cards.length ? cards : h("div", { class: "nothing" }, "none in this zone"));
}

function flow(picture, zone, tier) {
  const found = picture.flows.find((f) => f.zone === zone.name && f.from === tier.from && f.to === tier.to);
  if (!found) return null;
  const parts = [];
  if (found.requests > 0) parts.push(rate(found.requests) + " req/s");
  if (found.bytes >= 1) parts.push(bytes(found.bytes) + "/s");
  return h("span", { class: parts.length ? "flow" : "flow still", title: `from ${found.from} to ${found.to}` },
    h("span", { "aria-hidden": "true" }, tier.arrow + " "), h("span", { class: "quiet" }, `${found.from} to ${found.to}: `), parts.join(" · ") || "quiet");
}

function kindOf(picture, id) {
  const fault = picture.faults.find((f) => f.id === id);
  return fault ? fault.kind : id;
}

// breaker is the button that offers what can be broken about something; there is none where nothing can.
function breaker(offers, at, name, open, label) {
  const mine = offers.filter((c) => c.zone === at.zone && c.on === at.on);
  if (!mine.length) return null;
  return label
    ? h("button", { class: "plain", type: "button", onclick: () => open(name, mine), "aria-label": "Break " + name }, label)
    : h("button", { class: "mend", type: "button", onclick: () => open(name, mine), "aria-label": "Break " + name, title: "Break " + name }, "⋯");
}

// card is what all things look like.
function card(x, picture, zone, offers, open, { name, rates, tags, state, why }) {
  return h("div", { key: x.id + name, class: "node " + x.health },
    icon(x.health), h("span", { class: "id", title: x.id }, name || x.id), h("span", { class: "rate" }, rates || ""),
    breaker(offers, { zone: zone.name, on: x.id }, name || x.id, open),
    h("div", { class: "about" }, h("span", { class: "quiet" }, words[x.health] + ": "), h("span", { class: "state" }, state || x.state), (tags || []).filter(Boolean),
      x.faults.map((id) => h("span", { class: "tag fault" }, kindOf(picture, id)))),
    why !== "" && (why || x.reason) && x.health !== "well" && h("div", { class: "why" }, why || x.reason));
}

const tag = (text, kind) => text && h("span", { class: "tag " + (kind || "") }, text);
const both = (x) => (x.received + x.sent >= 1 ? bytes(x.received + x.sent) + "/s" : "");

function firewall(x, ...rest) {
  return card(x, ...rest, { state: x.state.toLowerCase(), rates: x.received >= 1 ? bytes(x.received) + "/s" : "", tags: [h("span", {}, x.group)] });
}

function node(x, ...rest) {
  return card(x, ...rest, {
    name: x.loopback || x.public || x.address, rates: x.traffic.requests ? rate(x.traffic.requests) + " req/s" : "",
    tags: [h("span", {}, x.group), x.traffic.errors > 0 && tag(rate(x.traffic.errors) + " errors/s", "fault"), x.traffic.requests > 0 && h("span", {}, "p99 " + latency(x.traffic.p99))],
  });
}

function server(x, ...rest) {
  const target = x.targets[0];
  const running = x.state === "running";
  const checks = running ? [x.system, x.instance].filter((c) => c === "ok").length + "/2 checks" : "";
  let state = x.state;
  if (running && target) state = target.state;
  return card(x, ...rest, {
    rates: x.requests ? rate(x.requests) + " req/s" : "", state,
    tags: [checks && h("span", {}, checks), x.lifecycle && x.lifecycle !== "InService" && tag(x.lifecycle), x.address && h("span", { class: "mono" }, x.address), tag(x.version), x.errors > 0 && tag(rate(x.errors) + " errors/s", "fault")],
  });
}

function member(x, ...rest) {
  const lag = x.lag === null ? "" : "lag " + (x.lag < 0.0005 ? "0 ms" : latency(x.lag));
  return card(x, ...rest, { rates: both(x), tags: [tag(x.role, "role"), lag && h("span", {}, lag), x.synchronous && tag("synchronous")] });
}

function mount(x, ...rest) {
  return card(x, ...rest, { name: x.address, rates: both(x), state: x.health === "well" ? "mount target" : "mount target " + x.state, tags: [h("span", {}, x.clients === 1 ? "1 client" : x.clients + " clients")] });
}

function copy(x, ...rest) {
  return card(x, ...rest, { name: "copy of " + x.id, state: x.state });
}

function nat(x, ...rest) {
  return card(x, ...rest, { name: x.public || x.id, rates: both(x) });
}
