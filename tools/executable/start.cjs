// What a single executable runs: the same bundle as the npm package, by the same loader. All that comes with the program lies inside.
const { getAsset } = require("node:sea");
const { compileCache, load } = require("../../bin/load.cjs");

const text = (path) => getAsset(path, "utf8");
const argv = process.argv.slice(2);
const { version } = JSON.parse(text("package.json"));
const cache = compileCache(argv, version);

load("dist", "main.cjs", { cache, readText: (name) => text(`dist/${name}`) }).main(
  argv,
  version,
  async (path) => text(path),
);
