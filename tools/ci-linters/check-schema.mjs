// Holds a JSON document from standard input against a JSON Schema, and prints what does not fit, a line each; 1 if there is anything.
// usage: node check-schema.mjs FOLDER SCHEMA [POINTER]   FOLDER has the linters' node_modules, POINTER a definition in the schema
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, path, pointer = ""] = process.argv.slice(2);
const Ajv = createRequire(join(folder, "package.json"))("ajv").default;

// The schemas are of several drafts, with formats and regular expressions that Unicode mode refuses.
const ajv = new Ajv({
  allErrors: true,
  logger: false,
  strict: false,
  unicodeRegExp: false,
  validateFormats: false,
});
const { $schema: _draft, id: _id, $id: _address, ...schema } = JSON.parse(readFileSync(path, "utf8"));
ajv.addSchema(schema, "schema");
const validate = ajv.getSchema(`schema#${pointer}`);
if (!validate(JSON.parse(readFileSync(0, "utf8")))) {
  const lines = validate.errors.map(({ instancePath, message, params }) =>
    [instancePath, message, JSON.stringify(params)].join(" "),
  );
  process.stdout.write(`${[...new Set(lines)].join("\n")}\n`);
  process.exitCode = 1;
}
