/** Transformations that live in Grafana's application and not in its libraries, as far as the dashboards use them. */

import { FieldType, reduceField } from "@grafana/data";
import { map } from "rxjs";

const transformer = (id, name, change) => ({ id, name, description: name, defaultOptions: {}, operator: (options) => (source) => source.pipe(map((frames) => change(frames, options))) });

function configOf(mappings, read) {
  const config = {};
  for (const { fieldName, handlerKey, reducerId } of mappings) {
    const value = read(fieldName, reducerId);
    if (value === undefined || value === null || value === "") continue;
    if (handlerKey === "unit") config.unit = String(value);
    else throw new Error(`the stand-in knows no handler '${handlerKey}'`);
  }
  return config;
}

/** Rows to fields: one field of each row, named and configured by its other columns. */
const rowsToFields = transformer("rowsToFields", "Rows to fields", (frames, { mappings = [] }) =>
  frames.map((frame) => {
    const by = (key) => mappings.find((one) => one.handlerKey === key)?.fieldName;
    const column = (name) => frame.fields.find((one) => one.name === name || one.config.displayName === name);
    const names = column(by("field.name"));
    const values = column(by("field.value"));
    if (!names || !values) return frame;
    const others = mappings.filter((one) => !one.handlerKey.startsWith("field."));
    const fields = values.values.map((value, row) => ({
      name: String(names.values[row]), type: FieldType.number, values: [value],
      config: { ...values.config, displayName: undefined, ...configOf(others, (name) => column(name)?.values[row]) },
    }));
    return { ...frame, fields, length: 1 };
  }),
);

/** Config from query results: the unit that one query tells, for the fields of all others. */
const configFromData = transformer("configFromData", "Config from query results", (frames, { configRefId, mappings }) => {
  const config = frames.find((one) => one.refId === configRefId);
  if (!config) return frames;
  const read = (name, reducer = "lastNotNull") => {
    const field = config.fields.find((one) => one.name === name);
    return field && reduceField({ field, reducers: [reducer] })[reducer];
  };
  const told = configOf(mappings, read);
  return frames
    .filter((one) => one !== config)
    .map((frame) => ({
      ...frame,
      fields: frame.fields.map((field) => (field.type === FieldType.number ? { ...field, config: { ...field.config, ...told }, display: undefined } : field)),
    }));
});

export const extraTransformers = [rowsToFields, configFromData];
