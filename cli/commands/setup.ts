import { installBuildKit, installBuildx } from "../../core/buildkit/install.ts";
import { stopManaged } from "../../core/buildkit/managed.ts";
import { cachePaths } from "../../core/host/paths.ts";
import { proxiedFetch } from "../../core/registry/proxied-fetch.ts";
import { printJson, reportFailures } from "../report.ts";
import type { Shell } from "../shell.ts";
import { installOptions } from "../tools.ts";

export interface SetupOptions {
  readonly buildx?: boolean;
  readonly stop?: boolean;
  readonly json?: boolean;
}

/** `setup`: installs the managed BuildKit for this user, or stops it. */
export async function runSetup(options: SetupOptions, shell: Shell): Promise<number> {
  return options.stop === true ? await stop(options, shell) : await install(options, shell);
}

async function install(options: SetupOptions, shell: Shell): Promise<number> {
  const json = options.json === true;
  const tell = (line: string): void => shell.stderr.write(`${line}\n`);
  const world = { ...installOptions(shell, tell), fetch: proxiedFetch(shell.env) };
  const buildkit = await installBuildKit(world);
  if (!buildkit.ok) return await reportFailures([buildkit.error], shell, { json });
  const buildx = options.buildx === true ? await installBuildx(world) : undefined;
  if (buildx?.ok === false) return await reportFailures([buildx.error], shell, { json });
  if (json) {
    printJson(shell, {
      ok: true,
      buildkit: buildkit.value,
      ...(buildx === undefined ? {} : { buildx: buildx.value }),
    });
    return 0;
  }
  const { version, buildctl, source } = buildkit.value;
  shell.stdout.write(`BuildKit ${version} is ready (${SOURCES[source]}): ${buildctl}\n`);
  if (buildx !== undefined) {
    const { value } = buildx;
    shell.stdout.write(`buildx ${value.version} is ready (${SOURCES[value.source]}): ${value.buildx}\n`);
    shell.stdout.write(
      `To use it as \`docker buildx\`: ln -s ${value.buildx} ~/.docker/cli-plugins/docker-buildx\n`,
    );
  }
  return 0;
}

const SOURCES = {
  path: "found on the PATH",
  installed: "installed before",
  archive: "from the release archive",
  go: "built from source",
} as const;

async function stop(options: SetupOptions, shell: Shell): Promise<number> {
  const stopped = await stopManaged(cachePaths(shell.env, shell.home));
  if (!stopped.ok) return await reportFailures([stopped.error], shell, { json: options.json === true });
  if (options.json === true) printJson(shell, { ok: true, ...stopped.value });
  else
    shell.stdout.write(
      stopped.value.wasRunning ? "The managed BuildKit has stopped.\n" : "It was not running.\n",
    );
  return 0;
}
