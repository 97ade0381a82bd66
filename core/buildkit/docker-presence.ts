import { closeSync, existsSync, openSync, readdirSync, readFileSync, readSync } from "node:fs";
import { platform } from "node:os";
import { isAbsolute, join } from "node:path";
import * as z from "zod/mini";
import { findTool } from "../host/tools.ts";
import type { Reach } from "./reach.ts";

/** Variables by which docker or buildx is led to an engine or a builder. */
const LEADING = ["DOCKER_HOST", "DOCKER_CONTEXT", "BUILDX_BUILDER"] as const;
/** Where the engine listens if nothing leads elsewhere. */
const SOCKET = "/var/run/docker.sock";

const configSchema = z.looseObject({ currentContext: z.optional(z.string()) });
const currentSchema = z.looseObject({ Name: z.string() });

/**
 * May `docker buildx` have a builder that answers? Asking it takes longer than all else that `plan` does, so it is not
 * asked where it certainly has none: nothing leads to another engine or builder (no variable, no current context, no
 * builder that was chosen by `docker buildx use`), and at the default place there is no engine. Whatever cannot be
 * read or understood counts as yes; so do Windows, where the engine listens on a named pipe, and a `docker` that is a
 * script, which may lead anywhere by itself.
 * @see https://docs.docker.com/engine/manage-contexts/
 * @see https://github.com/docker/buildx/blob/master/store/store.go `current` and `defaults`
 */
export function mayDockerBuild({ buildx: [tool], env }: Reach, socket: string = SOCKET): boolean {
  const program = isAbsolute(tool) ? tool : findTool(tool, env);
  if (program === undefined) return false;
  const home = env["HOME"] ?? "";
  if (isScript(program) || platform() === "win32" || home === "" || existsSync(socket)) return true;
  if (LEADING.some((name) => (env[name] ?? "") !== "")) return true;
  const config = env["DOCKER_CONFIG"] || join(home, ".docker");
  const buildx = env["BUILDX_CONFIG"] || join(config, "buildx");
  return leadsToContext(join(config, "config.json")) || leadsToBuilder(buildx);
}

function isScript(path: string): boolean {
  const start = Buffer.alloc(2);
  try {
    const file = openSync(path, "r");
    readSync(file, start);
    closeSync(file);
  } catch {
    return true;
  }
  return start.toString("latin1") === "#!";
}

function leadsToContext(path: string): boolean {
  const config = readJson(path);
  if (config === "none") return false;
  const { success, data } = configSchema.safeParse(config);
  return !success || !["", "default"].includes(data.currentContext ?? "");
}

/** `current` names the builder in use, if any, and `defaults` holds one for each engine that has another than its own. */
function leadsToBuilder(folder: string): boolean {
  const current = readJson(join(folder, "current"));
  if (current !== "none" && currentSchema.safeParse(current).data?.Name !== "") return true;
  try {
    return readdirSync(join(folder, "defaults")).length > 0;
  } catch (error) {
    return !isMissing(error);
  }
}

/** What a file says, `none` where there is no file, undefined where it cannot be read. */
function readJson(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    return isMissing(error) ? "none" : undefined;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && (error.code === "ENOENT" || error.code === "ENOTDIR");
}
