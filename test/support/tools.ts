import { access } from "node:fs/promises";
import { join } from "node:path";

/** Path of a program that `npm test` builds for the tests (crane, regctl, buildx). @throws with what to run where it is not there */
export async function testTool(name: string): Promise<string> {
  const folder = process.env["BUILDX_PLAN_TEST_TOOLS"];
  if (folder === undefined)
    throw new Error(`${name} is needed: run the tests with \`npm test\`, which builds it`);
  const path = join(folder, name);
  await access(path);
  return path;
}
