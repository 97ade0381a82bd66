import { defineConfig } from "rolldown";

export default defineConfig({
  input: { main: "cli/main.ts" },
  platform: "node",
  output: { dir: "dist", format: "esm", cleanDir: true, minify: false, chunkFileNames: "[name]-[hash].js" },
});
