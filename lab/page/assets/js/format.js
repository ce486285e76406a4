// How numbers and times are written.

export function rate(n) {
  if (!n) return "0";
  if (n < 0.1) return n.toFixed(2);
  if (n < 10) return n.toFixed(1);
  return Math.round(n).toLocaleString("en");
}

export function bytes(n) {
  if (n < 1) return "0 B";
  const units = ["B", "kB", "MB", "GB", "TB"];
  let i = 0;
  while (n >= 999.5 && i < units.length - 1) {
    n /= 1000;
    i++;
  }
  return (n < 9.95 && i > 0 ? n.toFixed(1) : Math.round(n)) + " " + units[i];
}

export function latency(seconds) {
  if (!seconds) return "–";
  const ms = seconds * 1000;
  if (ms < 1) return "< 1 ms";
  if (ms < 999.5) return (ms < 9.95 ? ms.toFixed(1) : Math.round(ms)) + " ms";
  return seconds.toFixed(seconds < 10 ? 1 : 0) + " s";
}

const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

export function time(text) {
  const at = new Date(text);
  const today = new Date().toDateString() === at.toDateString();
  return today ? clock.format(at) : day.format(at) + " " + clock.format(at);
}

export function since(text) {
  const seconds = Math.max(0, Math.round((Date.now() - new Date(text)) / 1000));
  if (seconds < 60) return seconds + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor((seconds % 3600) / 60) + " min";
  return Math.floor(seconds / 86400) + " d";
}

export function plural(n, one, many) {
  return n + " " + (n === 1 ? one : many || one + "s");
}
