import { findTool } from "../../core/host/tools.ts";

/** Path of a program that `npm test` builds for the tests (crane, regctl, buildx). @throws with what to run where it is not there */
export async function testTool(name: string): Promise<string> {
  const path = findTool(name, process.env);
  if (path === undefined)
    throw new Error(`${name} is needed: run the tests with \`npm test\`, which builds it`);
  return path;
}
