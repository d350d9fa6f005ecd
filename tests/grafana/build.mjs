/** Bundles the harness and Grafana's front end with it: node build.mjs DIRECTORY. */

import { build } from "esbuild";
import { cp, mkdir } from "node:fs/promises";

const into = process.argv[2] ?? "dist";
await mkdir(into, { recursive: true });
await build({
  entryPoints: { main: "src/main.jsx" },
  outdir: into,
  bundle: true,
  format: "iife",
  jsx: "automatic",
  minify: true,
  keepNames: true,
  sourcemap: false,
  logLevel: "error",
  define: { "process.env.NODE_ENV": '"production"', global: "window", "process.env": "{}" },
  loader: { ".svg": "dataurl", ".ttf": "empty", ".woff": "empty", ".woff2": "empty", ".png": "dataurl" },
  alias: { "@grafana/assistant": "./src/assistant.js", "react-router-dom-v5-compat": "react-router-dom" },
});
for (const name of ["index.html", "boot.js"]) await cp(`src/${name}`, `${into}/${name}`);
