// What stands around the zones: figures, troubles and faults, alarms, scaling.
import { h, icon } from "./dom.js";
import { rate, latency, bytes, since, time, plural } from "./format.js";

export function verdict(p) {
  const said = { well: ["well", "All is well"], changing: ["busy", "Changing"], degraded: ["fault", "Degraded"], down: ["failing", "Down"] };
  const shape = { well: "well", busy: "busy", fault: "failing", failing: "failing" };
  if (p.empty) return ["", []];
  const [kind, words] = said[p.verdict];
  return [kind, [icon(shape[kind]), h("span", {}, words)]];
}

function figure(name, number, unit, more, kind) {
  return h("div", { key: name, class: "figure " + (kind || "") }, h("div", { class: "name" }, name), h("div", { class: "number" }, String(number), unit && h("small", {}, " " + unit)), h("div", { class: "more", title: more || "" }, more || " "));
}

export function figures(p) {
  const servers = p.zones.flatMap((z) => z.servers);
  const healthy = servers.filter((x) => x.health === "well").length;
  const members = p.zones.flatMap((z) => z.database.map((m) => ({ ...m, zone: z.name })));
  const writer = members.find((m) => m.role === "writer" && m.health !== "failing");
  const lags = members.filter((m) => m.lag !== null).map((m) => m.lag);
  const calling = p.alarms.filter((a) => a.state === "ALARM" && !a.name.startsWith("TargetTracking-"));
  const all = [];
  if (p.balancers.length) {
    const t = p.traffic;
    all.push(figure("Requests", rate(t.requests), "/s", t.requests ? bytes(t.bytes) + "/s" : "over the last 10 s"));
    all.push(figure("Errors (5xx)", rate(t.errors), "/s", t.refused > 0 ? rate(t.refused) + "/s refused (4xx)" : t.requests ? ((100 * t.errors) / t.requests).toFixed(t.errors ? 1 : 0) + " % of requests" : "", t.errors > 0 ? "failing" : ""));
    all.push(figure("Latency p50", latency(t.p50), "", t.requests ? "p90 " + latency(t.p90) + " · p99 " + latency(t.p99) : ""));
  }
  if (servers.length) {
    const wanted = p.groups.reduce((sum, g) => sum + g.desired, 0);
    all.push(figure("Servers well", healthy, "of " + Math.max(servers.filter((x) => x.state !== "shutting-down").length, wanted), p.groups.map((g) => `${g.name}: ${g.inService} in service`).join(" · "), healthy < wanted ? "fault" : ""));
  }
  if (p.clusters.length) {
    all.push(figure("Writer", writer ? writer.zone : "none", "", writer ? writer.id : p.clusters[0].status, writer ? "" : "failing"));
    all.push(figure("Replica lag", lags.length ? (Math.max(...lags) < 0.0005 ? "0 ms" : latency(Math.max(...lags))) : "–", "", lags.length ? plural(lags.length, "reader") + " streaming" : "no reader streams", lags.length || members.length < 2 ? "" : "fault"));
  }
  if (p.files.length) {
    const whole = p.files.reduce((sum, f) => sum + f.copies, 0);
    const zones = p.files.reduce((sum, f) => sum + f.zones, 0);
    all.push(figure("Copies of files", whole, "of " + zones, bytes(p.files.reduce((sum, f) => sum + f.used, 0)) + " used", whole < zones ? "fault" : ""));
  }
  if (p.alarms.length) all.push(figure("Alarms", calling.length, "of " + p.alarms.length, calling.length ? calling[0].name : "none calls", calling.length ? "failing" : ""));
  return all;
}

export function notices(p, heal, busy) {
  const list = [];
  for (const fault of p.faults) {
    list.push(h("li", { key: "fault " + fault.id, class: "notice fault" }, icon("fault"), h("span", {}, h("b", {}, fault.kind), " ", fault.text || [fault.zone, fault.target].filter(Boolean).join(" "), " ", h("span", { class: "since" }, "for " + since(fault.since))),
      heal && h("button", { type: "button", disabled: busy, onclick: () => heal(fault.id), "aria-label": `Heal ${fault.kind} ${fault.zone} ${fault.target}` }, "Heal")));
  }
  if (heal && p.faults.length > 1) list.push(h("li", { key: "all", class: "notice fault" }, h("button", { type: "button", disabled: busy, onclick: () => heal("") }, "Heal all " + p.faults.length)));
  p.troubles.slice(0, 8).forEach((text) => list.push(h("li", { key: "trouble " + text, class: "notice failing" }, icon("failing"), h("span", {}, text))));
  if (p.troubles.length > 8) list.push(h("li", { key: "more", class: "notice failing" }, `and ${p.troubles.length - 8} more`));
  return list.length ? h("ul", {}, list) : [];
}

function alarm(a) {
  const shape = { ALARM: "failing", OK: "well" }[a.state] || "off";
  const dim = a.name.startsWith("TargetTracking-");
  return h("li", { key: a.name, title: a.reason }, icon(dim && a.state === "ALARM" ? "busy" : shape), h("span", { class: dim ? "name dim" : "name" }, a.name), h("span", { class: "right" }, (a.state === "INSUFFICIENT_DATA" ? "no data" : a.state) + (a.since && !a.since.startsWith("0001") ? " for " + since(a.since) : "")),
    a.state === "ALARM" && h("div", { class: "more" }, a.reason || a.about));
}

export function alarms(p) {
  if (!p.alarms.length) return h("p", { class: "hint" }, "No alarms are declared. They come with the environment's monitoring, or by cloudwatch put-metric-alarm.");
  const calls = (a) => a.state === "ALARM" && !a.name.startsWith("TargetTracking-");
  const calling = p.alarms.filter(calls);
  const rest = p.alarms.filter((a) => !calls(a));
  return [h("ul", { class: "list" }, calling.map(alarm)),
    h("details", { key: "rest", open: !calling.length && rest.length < 7 }, h("summary", {}, calling.length ? `${rest.length} more, none of them calls` : plural(rest.length, "alarm") + ", none calls"), h("ul", { class: "list" }, rest.map(alarm)))];
}

export function scaling(p) {
  if (!p.groups.length) return h("p", { class: "hint" }, "There is no Auto Scaling group.");
  const shape = { Successful: "well", Failed: "failing", Cancelled: "off" };
  return [
    h("ul", { class: "list" }, p.groups.map((g) => h("li", { key: g.name }, icon(g.inService >= g.desired ? "well" : "busy"), h("span", { class: "name" }, g.name), h("span", { class: "right" }, `${g.inService} of ${g.desired} in service`),
      h("div", { class: "more" }, `between ${g.min} and ${g.max}` + (g.refresh ? ` · instance refresh: ${g.refresh}` : ""))))),
    p.activities.length > 0 && h("details", { key: "activities", open: true }, h("summary", {}, "Activities"), h("ul", { class: "list" }, p.activities.slice(0, 8).map((a) => h("li", { key: a.time + a.text, title: a.cause }, icon(shape[a.status] || "busy"), h("span", { class: "name" }, a.text), h("span", { class: "right" }, time(a.time)), !shape[a.status] && h("div", { class: "more" }, a.status))))),
  ];
}

export function empty(p, command) {
  return h("div", { key: "empty", class: "empty" }, h("h2", {}, `Nothing is declared in ${p.region} yet`), h("p", {}, "Bring the environment up, and its zones, servers and databases appear here as they start. In the project's folder, type:"), h("code", {}, "scripts/up"),
    p.realm !== "running" && h("p", {}, "Nothing can run in this lab: " + p.realm), h("p", {}, "What the account holds:"), h("code", {}, command + " lab status"));
}

export function curl(p) {
  const node = p.zones.flatMap((z) => z.balancer).find((n) => n.loopback);
  if (!p.balancers.length) return "There is no balancer yet.";
  if (!node) return "No requests yet.";
  const port = node.ports.includes(443) ? 443 : node.ports[0];
  return [h("span", {}, "No requests in the last five minutes. Try:"), h("code", {}, port === 443 ? `curl -k https://${node.loopback}/` : `curl http://${node.loopback}:${port || 80}/`)];
}
