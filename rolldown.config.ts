import { fileURLToPath } from "node:url";
import { defineConfig } from "rolldown";

/**
 * For Node, `yaml` is CommonJS, which is bundled and run whole; of its ES modules, which are otherwise the same, only the parser is
 * taken.
 */
export const YAML_ALIAS = {
  yaml: fileURLToPath(new URL("node_modules/yaml/browser/index.js", import.meta.url)),
};

export default defineConfig({
  input: { main: "cli/main.ts" },
  platform: "node",
  resolve: { alias: YAML_ALIAS },
  output: {
    dir: "dist",
    cleanDir: true,
    // What bin/load.cjs reads. It keeps compiled code by these names, so that all but the entry's come from the content.
    format: "cjs",
    entryFileNames: "[name].cjs",
    chunkFileNames: "[name]-[hash].cjs",
    minify: true,
    codeSplitting: {
      // Few files are loaded faster than many.
      groups: [
        { name: "program", test: /cli[\\/]program\.ts$/, priority: 4 },
        { name: "zod", test: /node_modules[\\/]zod[\\/]/, priority: 3 },
        { name: "session", test: /cli[\\/]commands[\\/]plan\.ts$/, priority: 2 },
        { name: "plan", test: /core[\\/]plan[\\/]assemble\.ts$/, priority: 1 },
      ],
    },
  },
});
