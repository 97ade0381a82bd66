import { stat } from "node:fs/promises";
import { findTool } from "../../core/host/tools.ts";

/** Path of a program that `npm test` builds for the tests (crane, regctl, buildx). @throws with what to run where it is not there */
export async function testTool(name: string): Promise<string> {
  const path = findTool(name, process.env);
  if (path === undefined)
    throw new Error(`${name} is needed: run the tests with \`npm test\`, which builds it`);
  return path;
}

type FilesVariable =
  | "BUILDX_PLAN_CI_LINTERS"
  | "BUILDX_PLAN_GO_PROGRAMS"
  | "BUILDX_PLAN_ROOT_FILES"
  | "BUILDX_PLAN_RELEASE_BASES"
  | "BUILDX_PLAN_BUILDCTLS"
  | "BUILDX_PLAN_NODES";

/**
 * Folder of files that `npm test` fetches or makes for the tests, and names in a variable.
 * @throws with what to run where it is not there
 */
export async function testFiles(variable: FilesVariable): Promise<string> {
  const path = process.env[variable];
  const isThere = path !== undefined && (await stat(path).catch(() => undefined))?.isDirectory() === true;
  if (!isThere)
    throw new Error(
      `${variable} names no folder: run the tests with \`npm test\`, which makes it; what it says of its reasons stands before the tests`,
    );
  return path;
}
