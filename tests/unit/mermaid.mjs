// Reads a JSON list of diagrams on standard input, and tells what Mermaid's own parser makes of them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

const modules = join(process.argv[2], "node_modules");
const load = (path) => import(pathToFileURL(join(modules, path)));

const { JSDOM } = (await load("jsdom/lib/api.js")).default;
globalThis.window = new JSDOM("").window;
globalThis.document = window.document;
const mermaid = (await load("mermaid/dist/mermaid.core.mjs")).default;
mermaid.initialize({ securityLevel: "strict" });

const found = [];
for (const text of JSON.parse(readFileSync(0, "utf8"))) {
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text);
  const entities = [...db.getEntities().entries()].map(([name, each]) => [name, each.attributes]);
  found.push({ entities: Object.fromEntries(entities), relations: db.getRelationships().length });
}
console.log(JSON.stringify(found));
