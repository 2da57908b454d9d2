// Mouth shapes of raw 16 kHz 16-bit mono sound on standard input, as JSON on standard output:
//   node scripts/peer_rhubarb.mjs FOLDER_OF_NODE_MODULES [TEXT] < speech.raw
import { pathToFileURL } from "node:url";
import { join } from "node:path";

const [folder, text] = process.argv.slice(2);
const entry = pathToFileURL(join(folder, "node_modules", "rhubarb-lip-sync-wasm", "dist", "index.js"));
const { Rhubarb } = await import(entry);
const parts = [];
for await (const part of process.stdin) parts.push(part);
const result = await Rhubarb.getLipSync(Buffer.concat(parts), { dialogText: text ?? "" });
process.stdout.write("\n@" + JSON.stringify(result.mouthCues) + "\n");
