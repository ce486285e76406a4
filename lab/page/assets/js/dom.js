// A small keyed renderer: h() describes elements, patch() makes a host's children be what is described and keeps the
// elements that stay, so that focus, selection and scrolling stay, too. Text is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, props, ...children) {
  return { tag, props: props || {}, children: flatten(children), svg: false };
}

export function s(tag, props, ...children) {
  return { tag, props: props || {}, children: flatten(children), svg: true };
}

function flatten(children) {
  return children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false && c !== "").map((c) => (typeof c === "object" ? c : String(c)));
}

export function patch(host, children) {
  children = flatten([children]);
  const keyed = new Map();
  const loose = [];
  for (const node of host.childNodes) {
    if (node.havenKey !== undefined) keyed.set(node.havenKey, node);
    else loose.push(node);
  }
  let place = host.firstChild;
  for (const child of children) {
    const node = reuse(child, keyed, loose) || create(child);
    if (node !== place) host.insertBefore(node, place);
    place = node.nextSibling;
    update(node, child);
  }
  while (place) {
    const next = place.nextSibling;
    host.removeChild(place);
    place = next;
  }
}

function fits(node, child) {
  if (typeof child === "string") return node.nodeType === Node.TEXT_NODE;
  return node.nodeType === Node.ELEMENT_NODE && node.localName === child.tag;
}

function reuse(child, keyed, loose) {
  const key = typeof child === "object" ? child.props.key : undefined;
  if (key !== undefined) {
    const node = keyed.get(key);
    keyed.delete(key);
    return node && fits(node, child) ? node : null;
  }
  const i = loose.findIndex((node) => fits(node, child));
  return i < 0 ? null : loose.splice(i, 1)[0];
}

function create(child) {
  if (typeof child === "string") return document.createTextNode(child);
  const node = child.svg ? document.createElementNS(SVG, child.tag) : document.createElement(child.tag);
  if (child.props.key !== undefined) node.havenKey = child.props.key;
  return node;
}

function update(node, child) {
  if (typeof child === "string") {
    if (node.data !== child) node.data = child;
    return;
  }
  const before = node.havenProps || {};
  for (const name of Object.keys(before)) if (!(name in child.props)) apply(node, name, undefined);
  for (const [name, value] of Object.entries(child.props)) if (before[name] !== value) apply(node, name, value);
  node.havenProps = child.props;
  patch(node, child.children);
}

function apply(node, name, value) {
  if (name === "key") return;
  if (name.startsWith("on")) {
    node[name] = value || null;
  } else if (name.startsWith("--")) {
    node.style.setProperty(name, value ?? "");
  } else if (value === undefined || value === null || value === false) {
    node.removeAttribute(name);
  } else if (name === "value") {
    node.value = value;
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}

const shapes = {
  well: [["circle", { cx: 8, cy: 8, r: 7, fill: "currentColor", opacity: 0.16 }], ["path", { d: "M4.5 8.2l2.4 2.4 4.6-5", fill: "none", stroke: "currentColor", "stroke-width": 1.8, "stroke-linecap": "round", "stroke-linejoin": "round" }]],
  busy: [["circle", { cx: 8, cy: 8, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 1.6, "stroke-dasharray": "3 2.2" }], ["circle", { cx: 8, cy: 8, r: 2, fill: "currentColor" }]],
  failing: [["path", { d: "M8 1.5l7 12.6H1z", fill: "currentColor", opacity: 0.18 }], ["path", { d: "M8 1.8l6.7 12H1.3zM8 6v4", fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round", "stroke-linecap": "round" }], ["circle", { cx: 8, cy: 11.9, r: 0.9, fill: "currentColor" }]],
  warning: [["path", { d: "M8 1.8l6.7 12H1.3zM8 6v4", fill: "none", stroke: "currentColor", "stroke-width": 1.5, "stroke-linejoin": "round", "stroke-linecap": "round" }], ["circle", { cx: 8, cy: 11.9, r: 0.9, fill: "currentColor" }]],
  off: [["circle", { cx: 8, cy: 8, r: 6, fill: "none", stroke: "currentColor", "stroke-width": 1.6 }], ["path", { d: "M5 8h6", stroke: "currentColor", "stroke-width": 1.6 }]],
  fault: [["path", { d: "M9.2 1.5L3.4 9h3.8l-.8 5.5L12.6 7H8.6z", fill: "currentColor" }]],
  info: [["circle", { cx: 8, cy: 8, r: 3, fill: "currentColor" }]],
};

// icon shows a health by its shape; the words beside it say the same.
export function icon(name) {
  return s("svg", { class: "icon " + name, viewBox: "0 0 16 16", "aria-hidden": "true" }, (shapes[name] || shapes.info).map(([tag, props]) => s(tag, props)));
}
