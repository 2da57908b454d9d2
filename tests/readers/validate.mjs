// Khronos' glTF validator: prints {"errors", "warnings", "infos", "messages"} of each file as one JSON list.
import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import validator from 'gltf-validator';

const reports = [];
for (const path of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(await readFile(path)), {
    uri: basename(path),
    maxIssues: 0,
    externalResourceFunction: async (uri) => new Uint8Array(await readFile(join(dirname(path), decodeURIComponent(uri)))),
  });
  const { numErrors, numWarnings, numInfos, messages } = report.issues;
  reports.push({ errors: numErrors, warnings: numWarnings, infos: numInfos, messages, info: report.info });
}
console.log(JSON.stringify(reports));
