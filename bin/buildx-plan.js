#!/usr/bin/env node
// The launcher: finds a Node that can run the program. It is written for old versions of Node, so that these get an
// answer instead of a syntax error: plain JavaScript of Node 12, no `??` or `?.`, no top-level await, no `node:` imports.
import { createRequire } from "module";

// Of a module of Node's own, `import` makes a namespace, for which all its parts are loaded that it would load late.
const require = createRequire(import.meta.url);
const { existsSync, readFileSync } = require("fs");
const { dirname, join } = require("path");
const { fileURLToPath } = require("url");

const NEEDED = [22, 19];
const EXIT_TOOL_MISSING = 5;
/** Set for the Node that we start ourselves: should it be too old as well, we say so and do not start it again. */
const STARTED = "BUILDX_PLAN_STARTED";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const argv = process.argv.slice(2);
const version = JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;

if (argv.length === 1 && (argv[0] === "--version" || argv[0] === "-V")) process.stdout.write(version + "\n");
else if (isNewEnough(process.versions.node)) run();
else runWithOwnNode();

function isNewEnough(text) {
  const parts = text.split(".").map(Number);
  return parts[0] > NEEDED[0] || (parts[0] === NEEDED[0] && parts[1] >= NEEDED[1]);
}

function run() {
  const bundle = join(root, "dist");
  if (!existsSync(join(bundle, "main.cjs"))) {
    fail("this checkout has no dist/ folder yet", "run `npm run build` in " + root + " once");
    return;
  }
  delete process.env[STARTED];
  Promise.resolve()
    .then(() => {
      const { compileCache, load } = require("./load.cjs");
      return load(bundle, "main.cjs", { cache: compileCache(argv, version) }).main(argv, version);
    })
    .catch((error) => {
      // Thrown in a later turn, it is an uncaught exception with its stack.
      setImmediate(() => {
        throw error;
      });
    });
}

/** Starts the Node that was installed as the `node` package, in our own folder or in one that we are installed in. */
function runWithOwnNode() {
  const node = process.env[STARTED] ? undefined : findNode(root);
  if (node === undefined) {
    fail(
      "Node " + NEEDED.join(".") + " or later is needed, and this is Node " + process.versions.node,
      "install it from https://nodejs.org, or `npm install node@24` beside buildx-plan",
    );
    return;
  }
  const environment = Object.assign({}, process.env);
  environment[STARTED] = "1";
  const child = require("child_process").spawn(node, process.argv.slice(1), {
    stdio: "inherit",
    env: environment,
  });
  forwardSignals(child);
  child.on("error", (error) => fail("cannot start " + node + ": " + error.message, "run `npm ci` again"));
}

function findNode(folder) {
  const executable = process.platform === "win32" ? "node.exe" : "node";
  const node = join(folder, "node_modules", "node", "bin", executable);
  if (existsSync(node)) return node;
  return dirname(folder) === folder ? undefined : findNode(dirname(folder));
}

/** The child ends when we are told to end, and we end the way that it did. */
function forwardSignals(child) {
  // A terminal sends these to the child by itself, and twice would mean "at once".
  const fromTerminal = ["SIGINT", "SIGHUP"];
  const handlers = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => {
    const handler = () => {
      if (!process.stdin.isTTY || fromTerminal.indexOf(signal) === -1) child.kill(signal);
    };
    process.on(signal, handler);
    return { signal, handler };
  });
  child.on("exit", (status, signal) => {
    handlers.forEach((entry) => process.removeListener(entry.signal, entry.handler));
    if (signal === null) process.exitCode = status;
    else process.kill(process.pid, signal);
  });
}

function fail(problem, mend) {
  process.stderr.write("buildx-plan: " + problem + "\n  " + mend + "\n");
  process.exitCode = EXIT_TOOL_MISSING;
}
