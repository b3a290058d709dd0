// Builds the dashboard's stylesheet and scripts: node build.mjs '{"templates": …, "out": …}'
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const { templates, out } = JSON.parse(process.argv[2]);
mkdirSync(out, { recursive: true });

const drawn = join(here, "drawn.css"); // Tailwind looks for the classes that the templates use
writeFileSync(drawn, `${readFileSync(join(here, "app.css"), "utf8")}\n@source ${JSON.stringify(templates)};\n`);
const tailwind = join(here, "node_modules/@tailwindcss/cli/dist/index.mjs");
execFileSync(process.execPath, [tailwind, "--input", drawn, "--output", join(out, "app.css"), "--minify"], { cwd: here, stdio: "pipe" });

await build({
  entryPoints: ["app.js", "charts.js", "theme.js"].map((name) => join(here, name)),
  outdir: out,
  bundle: true,
  minify: true,
  format: "iife",
  target: "es2022",
  legalComments: "none",
  logLevel: "error",
});
copyFileSync(join(here, "icon.svg"), join(out, "icon.svg"));
console.log(JSON.stringify({ built: out }));
