import { defineConfig } from "rolldown";
import { YAML_ALIAS } from "./rolldown.config.ts";

/**
 * The GitHub action: the whole program in one file, which stands in the repository because a runner installs nothing. A test makes it
 * anew and holds it against the one that is there: `npm run build:action` after a change.
 */
export default defineConfig({
  input: { index: "action/main.ts" },
  platform: "node",
  resolve: { alias: YAML_ALIAS },
  output: {
    dir: "action",
    format: "cjs",
    entryFileNames: "[name].cjs",
    minify: true,
    codeSplitting: false,
  },
});
