/** Numbers and times as people read them. */

const SCALES = {
  s: [[1, "s"], [1e-3, "ms"], [1e-6, "µs"]],
  reqps: [[1, "req/s"]],
  ops: [[1, "ops/s"]],
  cps: [[1, "/s"]],
  bytes: [[2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]],
  decbytes: [[1e9, "GB"], [1e6, "MB"], [1e3, "kB"], [1, "B"]],
  Bps: [[1e9, "GB/s"], [1e6, "MB/s"], [1e3, "kB/s"], [1, "B/s"]],
  percentunit: [[0.01, "%"]],
  percent: [[1, "%"]],
  short: [[1, ""]],
  none: [[1, ""]],
};
const ALIASES = { seconds: "s", requests: "reqps", "": "short" };

/** The scale (factor, name) in which `largest` of a unit reads well; several numbers of one drawing share it. */
export function scaleOf(unit, largest) {
  const scales = SCALES[ALIASES[unit] ?? unit] ?? [[1, unit]];
  const size = Math.abs(largest);
  const [factor, name] = size > 0 ? scales.find(([one]) => size >= one) ?? scales.at(-1) : scales[0];
  return { factor, name };
}

/** A number to three digits, "n/a" where there is none. */
export function digits(value) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "n/a";
  return value.toLocaleString("en", { maximumSignificantDigits: Math.abs(value) >= 1000 ? 5 : 3 });
}

/** A score: two decimals are plenty. */
export function score(value) {
  return Number.isFinite(value) ? value.toFixed(value < 9.995 ? 2 : 1) : "n/a";
}

/** A value with its unit, "126 ms". */
export function quantity(value, unit, scale = scaleOf(unit, value)) {
  if (value === null || !Number.isFinite(value)) return "n/a";
  return join(digits(value / scale.factor), scale.name);
}

/** A value and its interval, "24.8 ms [24.1, 25.6]". */
export function interval(value, lower, upper, unit, scale) {
  const ends = [lower, upper].map((one) => digits(one === null ? null : one / scale.factor));
  return `${quantity(value, unit, scale)} [${ends.join(", ")}]`;
}

/** From the lowest to the highest of several numbers in one unit, "4.1 to 12 req/s"; one number where they read alike. */
export function range(lowest, highest, unit) {
  const scale = scaleOf(unit, highest);
  const ends = [lowest, highest].map((one) => quantity(one, unit, scale));
  return ends[0] === ends[1] ? ends[1] : `${digits(lowest / scale.factor)} to ${ends[1]}`;
}

export function percent(share) {
  return share > 0 && share < 0.01 ? "<1%" : `${Math.round(share * 100)}%`;
}

export function count(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** hh:mm:ss of the reader's own time zone. */
export function clock(seconds) {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB");
}

/** hh:mm:ss, after the day where it is not that of `now` (seconds). */
export function moment(seconds, now) {
  const [day, today] = [seconds, now].map((one) => new Date(one * 1000).toDateString());
  const date = new Date(seconds * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short" });
  return day === today ? clock(seconds) : `${date}, ${clock(seconds)}`;
}

/** A length of time, "12 min". */
export function span(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 120) return `${whole} s`;
  if (whole < 7200) return `${Math.round(whole / 60)} min`;
  return whole < 172800 ? `${Math.round(whole / 3600)} h` : `${Math.round(whole / 86400)} days`;
}

export function age(seconds) {
  return `${span(seconds)} ago`;
}

/** Parts of a total as quantities to the digits of the total, rounded so that they still add up to it. */
export function addends(values, total, unit) {
  const size = Math.abs(total) || Math.max(...values.map(Math.abs));
  const scale = scaleOf(unit, size);
  const decimals = size ? Math.min(20, Math.max(0, 2 - Math.floor(Math.log10(size / scale.factor)))) : 0;
  const last = scale.factor / 10 ** decimals;
  const whole = values.map((value) => Math.round(value / last));
  const left = Math.round(total / last) - whole.reduce((sum, one) => sum + one, 0);
  const largest = whole.reduce((best, one, index) => (Math.abs(one) > Math.abs(whole[best]) ? index : best), 0);
  if (Math.abs(left) <= whole.length) whole[largest] += left;
  const text = (one) => (one / 10 ** decimals).toLocaleString("en", { maximumFractionDigits: decimals });
  return whole.map((one) => join(text(one), scale.name));
}

function join(number, name) {
  return name === "" ? number : name === "%" ? `${number}%` : `${number} ${name}`;
}
