/** Drawings: a forest plot, and a time series with its band. */

import { svg } from "./dom.js";
import { clock, interval, quantity, scaleOf } from "./format.js";

/** Association and effect, point and interval, on one axis with zero. `rows` are {name, className, value, lower, upper}. */
export function forest(place, rows, unit, per) {
  const width = Math.max(place.clientWidth, 240);
  const [row, left, right, bottom] = [30, 92, 18, 22];
  const height = rows.length * row + bottom;
  const known = rows.filter((one) => one.value !== null);
  const ends = known.flatMap((one) => [one.value, one.lower, one.upper]).filter((one) => one !== null);
  const ticks = niceTicks(Math.min(0, ...ends), Math.max(0, ...ends), Math.max(3, Math.floor(width / 110)));
  const scale = scaleOf(unit, Math.max(...ends.map(Math.abs), 0));
  const x = linear(ticks[0], ticks.at(-1), left, width - right);
  const said = known.map((one) => `${one.name} ${interval(one.value, one.lower, one.upper, unit, scale)}`);
  const label = `${said.join("; ")} per ${per}`;
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const tick of ticks) {
    const kind = tick === 0 ? "zero" : "grid";
    drawing.append(svg("line", { class: kind, x1: x(tick), x2: x(tick), y1: 2, y2: height - bottom }));
    const anchor = tick === ticks.at(-1) ? "end" : "middle";
    const at = tick === ticks.at(-1) ? x(tick) + right - 2 : x(tick);
    drawing.append(svg("text", { class: "tick", x: at, y: height - 6, "text-anchor": anchor }, quantity(tick, unit, scale)));
  }
  rows.forEach((one, index) => {
    const y = index * row + row / 2;
    drawing.append(svg("text", { class: "name", x: 0, y: y + 4 }, one.name));
    if (one.value === null) return drawing.append(svg("text", { class: "tick", x: x(0) + 8, y: y + 4 }, "not known"));
    const group = svg("g", { class: one.className });
    if (one.lower !== null) {
      group.append(svg("line", { class: "interval", x1: x(one.lower), x2: x(one.upper), y1: y, y2: y }));
      for (const end of [one.lower, one.upper]) {
        group.append(svg("line", { class: "interval", x1: x(end), x2: x(end), y1: y - 5, y2: y + 5 }));
      }
    }
    group.append(mark(one.className, x(one.value), y));
    return drawing.append(group);
  });
  place.replaceChildren(drawing);
}

function mark(kind, x, y) {
  if (kind === "effect") return svg("circle", { class: "point", cx: x, cy: y, r: 5 });
  return svg("path", { class: "point", d: `M${x - 6} ${y}L${x} ${y - 6}L${x + 6} ${y}L${x} ${y + 6}Z` });
}

/** Observed and expected values with the interval; `say` is told what is under the pointer, or the newest point. */
export function series(place, whole, name, unit, say) {
  const known = whole.causal_expected_value.some((one) => one !== null);
  const frame = known ? whole : sinceFirst(whole);
  const width = Math.max(place.clientWidth, 240);
  const height = Math.max(place.clientHeight, 90);
  const [left, right, top, bottom] = [62, 10, 8, 22];
  const times = frame.time.map((one) => one / 1000);
  const observed = frame.causal_observed_value;
  const expected = frame.causal_expected_value;
  const lower = frame.causal_expected_lower;
  const upper = frame.causal_expected_upper;
  const values = [...observed, ...expected, ...lower, ...upper].filter((one) => one !== null);
  if (!values.length) throw new Error("no samples in the last hours");
  const ticks = niceTicks(Math.min(...values), Math.max(...values), Math.max(3, Math.floor(height / 44)));
  const scale = scaleOf(unit, Math.max(...ticks.map(Math.abs)));
  const x = linear(times[0], times.at(-1), left, width - right);
  const y = linear(ticks[0], ticks.at(-1), height - bottom, top);
  const label = `${name}, observed and expected with the interval, ${clock(times[0])} to ${clock(times.at(-1))}`;
  const drawing = svg("svg", { width, height, viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": label });
  for (const tick of ticks) {
    drawing.append(svg("line", { class: "grid", x1: left, x2: width - right, y1: y(tick), y2: y(tick) }));
    const at = { class: "tick", x: left - 6, y: y(tick) + 4, "text-anchor": "end" };
    drawing.append(svg("text", at, quantity(tick, unit, scale)));
  }
  for (const time of timeTicks(times[0], times.at(-1), width)) {
    drawing.append(svg("line", { class: "grid", x1: x(time), x2: x(time), y1: height - bottom, y2: height - bottom + 4 }));
    const edge = x(time) > width - 20;
    const at = { class: "tick", x: edge ? width : x(time), y: height - 5, "text-anchor": edge ? "end" : "middle" };
    drawing.append(svg("text", at, clock(time).slice(0, 5)));
  }
  const beyond = observed.map((one, i) => one !== null && lower[i] !== null && (one > upper[i] || one < lower[i]));
  const dots = observed.map((one, i) => (beyond[i] ? `M${n(x(times[i]))} ${n(y(one))}h0` : "")).join("");
  const cross = svg("line", { class: "cross", y1: top, y2: height - bottom, visibility: "hidden" });
  drawing.append(
    svg("path", { class: "band", d: band(times, lower, upper, x, y) }),
    svg("path", { class: "expected", d: line(times, expected, x, y) }),
    svg("path", { class: "observed", d: line(times, observed, x, y) }),
    svg("path", { class: "beyond", d: dots }),
    cross,
  );
  const read = (index) => {
    const at = `${clock(times[index])}  observed ${quantity(observed[index], unit, scale)}`;
    if (!known) return say(`${at}; what is expected is not known yet`);
    const outside = beyond[index] ? ", outside" : "";
    return say(`${at}, expected ` + interval(expected[index], lower[index], upper[index], unit, scale) + outside);
  };
  drawing.addEventListener("pointermove", (event) => {
    const share = (event.clientX - drawing.getBoundingClientRect().left - left) / (width - right - left);
    const index = Math.round(Math.min(1, Math.max(0, share)) * (times.length - 1));
    for (const end of ["x1", "x2"]) cross.setAttribute(end, x(times[index]));
    cross.setAttribute("visibility", "visible");
    read(index);
  });
  drawing.addEventListener("pointerleave", () => {
    cross.setAttribute("visibility", "hidden");
    read(times.length - 1);
  });
  place.replaceChildren(drawing);
  read(times.length - 1);
}

/** A frame from the first point that was observed on. */
function sinceFirst(frame) {
  const first = Math.max(0, frame.causal_observed_value.findIndex((one) => one !== null));
  return Object.fromEntries(Object.entries(frame).map(([field, values]) => [field, values.slice(first)]));
}

function linear(from, to, start, end) {
  const span = to - from || 1;
  return (value) => start + ((value - from) / span) * (end - start);
}

const n = (value) => value.toFixed(1);

/** A path through the values, broken where there is none. */
function line(times, values, x, y) {
  return values
    .map((value, i) => (value === null ? "" : `${(values[i - 1] ?? null) === null ? "M" : "L"}${n(x(times[i]))} ${n(y(value))}`))
    .join("");
}

/** One closed area for every unbroken stretch. */
function band(times, lower, upper, x, y) {
  const areas = [];
  let stretch = [];
  const close = () => {
    const up = stretch.map((i) => `${n(x(times[i]))} ${n(y(upper[i]))}`);
    const down = stretch.map((i) => `${n(x(times[i]))} ${n(y(lower[i]))}`).reverse();
    if (stretch.length) areas.push(`M${[...up, ...down].join("L")}Z`);
    stretch = [];
  };
  times.forEach((_, i) => (lower[i] === null || upper[i] === null ? close() : stretch.push(i)));
  close();
  return areas.join("");
}

/** Round numbers that enclose [low, high], about `most` of them. */
export function niceTicks(low, high, most) {
  const span = high - low || Math.abs(high) || 1;
  const rough = span / Math.max(1, most - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 2.5, 5, 10].find((one) => one * power >= rough * 0.999);
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

/** Round local times between two (seconds), as many as the width carries. */
function timeTicks(from, to, width) {
  const step = [300, 600, 900, 1800, 3600, 7200].find((one) => (to - from) / one <= width / 64) ?? 14400;
  const zone = new Date(from * 1000).getTimezoneOffset() * 60;
  const first = Math.ceil((from - zone) / step) * step + zone;
  const ticks = [];
  for (let time = first; time <= to; time += step) ticks.push(time);
  return ticks;
}
