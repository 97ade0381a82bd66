// BuildKit and buildx, by the program's own `setup`.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { find, folders, isExecutable, node, root } from "./host.mjs";
import { go, goPath } from "./go.mjs";
import { runVisibly, say, SetupError, timed } from "./say.mjs";

/** Does a Docker Engine with buildx answer? Then nothing of BuildKit is needed on this machine. */
export function hasDocker() {
  const docker = find("docker");
  const answers = (argv) => spawnSync(docker, argv, { stdio: "ignore", timeout: 10_000 }).status === 0;
  return docker !== undefined && answers(["version"]) && answers(["buildx", "version"]);
}

async function setup(options) {
  const env = { ...process.env, PATH: [goPath(), process.env.PATH].filter(Boolean).join(":") };
  return await runVisibly(node, [join(root, "bin", "buildx-plan.js"), "setup", ...options], {
    env,
    cwd: root,
  });
}

/** The release archive may be out of reach: then a machine without Go gets one first. */
async function setupWithGo(options) {
  if ((await setup(options)) === 0) return;
  if (!(await go.isDone())) {
    say("this machine has no Go to build BuildKit with");
    await timed(go, go.run);
    if ((await setup(options)) === 0) return;
  }
  throw new SetupError("BuildKit could not be installed: see above");
}

export const buildkit = {
  title: "installing BuildKit",
  speaks: true,
  isDone: () => ["buildctl", "buildkitd"].every((name) => isExecutable(join(folders.buildkit(), name))),
  run: async () => await setupWithGo([]),
};

export const buildx = {
  title: "installing docker buildx",
  speaks: true,
  isDone: () => isExecutable(join(folders.buildx(), "buildx")),
  run: async () => await setupWithGo(["--buildx"]),
};
