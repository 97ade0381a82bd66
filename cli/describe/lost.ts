import { palette } from "../text/colour.ts";
import { visible } from "../text/safe.ts";
import type { LostNode } from "../../core/buildkit/lost.ts";

/** The text of nodes that a run goes on without, several lines each. */
export function describeLost(lost: readonly LostNode[], colour: boolean): string {
  const { warning, strong } = palette(colour);
  const lines = lost.flatMap(({ node, address, detail }) => [
    `${warning("warning:")} ${strong(visible(`node ${node} does not answer; the run goes on without it`))}`,
    `  ${visible(`at ${address}`)}`,
    ...detail.split(/\r?\n/).map((line) => `  ${visible(line)}`),
  ]);
  return lines.join("\n");
}
