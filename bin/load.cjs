// Loads the program with the code that V8 made of it in an earlier run. Node's own compile cache keeps only what is
// compiled at once; nearly all functions are compiled when they are first called, which is a quarter of a start.
const { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } = require("node:fs");
const { homedir } = require("node:os");
const { isAbsolute, join } = require("node:path");
const { Script } = require("node:vm");

const BEFORE = "(function (exports, require, module, __filename, __dirname) {";
const AFTER = "\n})";

/**
 * Answers the exports of a CommonJS file in `folder`, which may require its neighbours and Node's own modules.
 * Compiled code is kept in `cache` by the names of these files, which rolldown makes of their content; so the entry's,
 * whose name is always the same, is not. Without `cache` nothing is kept. `readText` answers what is in a file of these names:
 * in a single executable they lie elsewhere.
 */
exports.load = function load(
  folder,
  entry,
  { cache, readText = (name) => readFileSync(join(folder, name), "utf8") },
) {
  const modules = new Map();
  const compiled = new Map();
  const isTrusted = cache !== undefined && isOurs(cache);

  function requireHere(id) {
    if (!id.startsWith("./")) return require(id);
    const name = id.slice(2);
    const known = modules.get(name);
    if (known !== undefined) return known.exports;
    const module = { exports: {} };
    modules.set(name, module);
    const path = join(folder, name);
    compile(name, path)(module.exports, requireHere, module, path, folder);
    return module.exports;
  }

  function compile(name, filename) {
    const source = BEFORE + readText(name) + AFTER;
    const cachedData = isTrusted && name !== entry ? read(join(cache, name)) : undefined;
    const script = new Script(source, { filename, cachedData, columnOffset: -BEFORE.length });
    if (name !== entry && (cachedData === undefined || script.cachedDataRejected)) compiled.set(name, script);
    return script.runInThisContext();
  }

  if (cache !== undefined) process.on("exit", (status) => status === 0 && save(compiled, cache));
  return requireHere("./" + entry);
};

/** Where compiled code is kept: in this user's own folder, and for each command apart, since each calls other functions. */
exports.compileCache = function compileCache(argv, version) {
  const cache = cacheFolder();
  if (cache === undefined || process.env.NODE_DISABLE_COMPILE_CACHE) return undefined;
  const command = /^[a-z]+$/.test(argv[0] || "") ? argv[0] : "help";
  return join(cache, "buildx-plan", "compile-cache", version + "-node-" + process.versions.node, command);
};

/** Undefined for an account without a home: `homedir` throws where neither HOME nor the list of accounts has one. */
function cacheFolder() {
  const xdg = process.env.XDG_CACHE_HOME;
  if (xdg && isAbsolute(xdg)) return xdg;
  try {
    return join(homedir(), ".cache");
  } catch {
    return undefined;
  }
}

/** Code that another user may have written is not run: with `sudo`, HOME may be somebody else's. */
function isOurs(folder) {
  try {
    return process.getuid === undefined || statSync(folder).uid === process.getuid();
  } catch {
    return false;
  }
}

function read(path) {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** At the end of a run that went well, when all that such runs need has been compiled. */
function save(compiled, cache) {
  try {
    if (compiled.size > 0) mkdirSync(cache, { recursive: true, mode: 0o700 });
    for (const [name, script] of compiled) {
      // Renamed, so that nobody reads half a file.
      const unfinished = join(cache, name + "." + process.pid);
      writeFileSync(unfinished, script.createCachedData(), { mode: 0o600 });
      renameSync(unfinished, join(cache, name));
    }
  } catch {
    // A folder that cannot be written to costs time at the next start, nothing else.
  }
}
