// Puts a program into a copy of Node. A process of its own, because the tool takes a gigabyte of memory and gives none back.
// usage: node inject.mjs POSTJECT EXECUTABLE BLOB
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

const [postject, executable, blob] = process.argv.slice(2);
const { inject } = createRequire(import.meta.url)(postject);
// Node looks for the program where these names are.
await inject(executable, "NODE_SEA_BLOB", await readFile(blob), {
  sentinelFuse: "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2",
});
