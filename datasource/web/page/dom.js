/** Elements. Whatever comes from data becomes a text node or an attribute's value, never markup. */

const SVG = "http://www.w3.org/2000/svg";

export const $ = (selector) => document.querySelector(selector);

/** An HTML element with attributes and children (text or elements). */
export function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value !== null && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null));
  return element;
}

const shown = new WeakMap();

/** Whether `data` differs from what was last shown in `element`: nothing is drawn twice, so nothing flickers. */
export function changed(element, ...data) {
  const text = JSON.stringify(data);
  if (shown.get(element) === text) return false;
  shown.set(element, text);
  return true;
}

/** Replace what `element` shows: who had the focus inside keeps it, and so does what was typed and folded out. */
export function replace(element, ...children) {
  const keyed = () => [...element.querySelectorAll("[data-key]")];
  const kept = new Map(keyed().map((one) => [one.dataset.key, { value: one.value, open: one.open, text: one.role === "status" ? one.textContent : null }]));
  const buttons = () => [...element.querySelectorAll("button, a")];
  const active = element.contains(document.activeElement) ? document.activeElement : null;
  const index = buttons().indexOf(active);
  const caret = active?.selectionStart;
  element.replaceChildren(...children.filter((child) => child !== null));
  for (const one of keyed()) {
    const before = kept.get(one.dataset.key);
    if (before?.value) one.value = before.value;
    if (before?.open) one.open = true;
    if (before?.text) one.textContent = before.text;
  }
  const focused = active?.dataset.key ? keyed().find((one) => one.dataset.key === active.dataset.key) : buttons()[index];
  focused?.focus({ preventScroll: true });
  if (typeof caret === "number" && focused?.setSelectionRange) focused.setSelectionRange(caret, caret);
}

/** A name that may break after its slashes and dots. */
export function breakable(name) {
  return el("span", {}, ...name.split(/(?<=[/.])/).flatMap((part) => [part, el("wbr")]));
}

/** Fill a drop-down with [value, text, group] rows, keeping what is picked. */
export function fill(select, rows, picked) {
  if (changed(select, rows)) {
    const groups = grouped(rows);
    const options = [...groups].map(([group, members]) => {
      const found = members.map(([value, text]) => el("option", { value }, text));
      return group ? [el("optgroup", { label: group }, ...found)] : found;
    });
    select.replaceChildren(...options.flat());
  }
  select.value = picked;
}

function grouped(rows) {
  const groups = new Map();
  for (const row of rows) groups.set(row[2] ?? "", [...(groups.get(row[2] ?? "") ?? []), row]);
  return groups;
}

/** A table: heads are texts; numbers are [text, title] of the columns of numbers that follow. */
export function table(caption, heads, numbers, bodies) {
  const columns = [
    ...heads.map((text) => el("th", { scope: "col" }, text)),
    ...numbers.map(([text, title]) => el("th", { scope: "col", class: "number", title }, text)),
  ];
  return el("table", {}, el("caption", {}, caption), el("thead", {}, el("tr", {}, ...columns)), ...bodies);
}

/** A share (0 to 1) as a bar. */
export function bar(share) {
  const width = `${Math.min(100, Math.max(0, share * 100))}%`;
  return svg(
    "svg",
    { class: "bar", "aria-hidden": "true" },
    svg("rect", { class: "track", width: "100%", height: "100%", rx: 3 }),
    svg("rect", { class: "filled", width, height: "100%", rx: 3 }),
  );
}
