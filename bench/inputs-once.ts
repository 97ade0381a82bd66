import { createInputs } from "../core/inputs/digest-inputs.ts";
import { openFileMemory } from "../core/inputs/file-memory.ts";
import { fail } from "../core/result.ts";
import { build, variant } from "../test/support/make.ts";

/** Digests the inputs of one variant in a process of its own, as a run does, and prints the seconds that it took: `inputs-once.ts PROJECT MEMORY`. */
const [project = "", memory = ""] = process.argv.slice(2);
const made = variant("linux/amd64", {
  build: build({ context: { kind: "local", path: project }, dockerfile: `${project}/Dockerfile` }),
});
const startedMs = performance.now();
const inputs = createInputs({
  lookUp: () => Promise.resolve(fail("nobody asks")),
  nowMs: Date.now,
  memory: openFileMemory(memory),
});
const read = await inputs.of(made, {
  release: { mediaTypes: "oci", attestations: "keep" },
  planDirectory: project,
  buildkitVersion: "",
  needs: new Map(),
});
if (!read.ok) throw new Error(`${read.error.path}: ${read.error.reason}`);
console.log((performance.now() - startedMs) / 1000);
