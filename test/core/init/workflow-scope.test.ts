import { describe, expect, test } from "vitest";
import { readForeignYaml } from "../../../core/init/foreign.ts";
import { cellsOf, resolveText } from "../../../core/init/workflow-scope.ts";
import type { ProposedVariable } from "../../../core/init/proposal.ts";
import type { Value } from "../../../core/plan/tree.ts";

function yaml(text: string): Value {
  const read = readForeignYaml("x.yaml", text);
  if (!read.ok) throw new Error(read.error);
  return read.value;
}

function resolve(text: string, env = "{}", cell: readonly (readonly [string, string])[] = []) {
  const variables = new Map<string, ProposedVariable>();
  const resolved = resolveText(text, { env: [yaml(env)], cell: new Map(cell), variables });
  return { resolved, variables: [...variables.keys()] };
}

describe("expressions", () => {
  test.each([
    ["plain $5", "plain $$5", []],
    ["${{ env.A }}/x", "one/x", []],
    ["${{env.B}}", "one-two", []],
    ["${{ matrix.item.name }}", "web", []],
    ["ghcr.io/${{ github.repository }}", "ghcr.io/${repository}", ["repository"]],
    ["${{ vars.HUB_USER }}/app", "${hub_user}/app", ["hub_user"]],
    ["v${{ github.sha }}", "v${git.sha}", []],
    ["a}}b", "a}}b", []],
    ["${{ env.A", undefined, []],
    ["${{ env.A }}${{ matrix.item.name }}}}", "oneweb}}", []],
    ["${{ steps.x.outputs.y }}", undefined, []],
    ["${{ format('x') }}", undefined, []],
    ["${{ env.LOOP }}", undefined, []],
    ["${{ env.NONE }}", undefined, []],
    ["${{ github.constructor }}", undefined, []],
  ])("%s", (text, expected, variables) => {
    const env = '{ A: one, B: "${{ env.A }}-two", LOOP: "${{ env.LOOP }}" }';
    expect(resolve(text, env, [["item.name", "web"]])).toEqual({ resolved: expected, variables });
  });
});

describe("cells of a matrix", () => {
  const cells = (text: string) => cellsOf(yaml(text)).map((cell) => Object.fromEntries(cell));

  test("none is one without values", () => {
    expect(cellsOf(undefined)).toEqual([new Map()]);
  });

  test("every combination; an entry of include extends those that it fits, or is one more", () => {
    expect(cells("{ a: [1, 2], b: [x], include: [{ a: 1, c: y }, { a: 3 }] }")).toEqual([
      { a: "1", b: "x", c: "y" },
      { a: "2", b: "x" },
      { a: "3" },
    ]);
  });

  test("only included ones", () => {
    expect(cells("{ include: [{ platform: linux/amd64, runner: { label: x } }] }")).toEqual([
      { platform: "linux/amd64", "runner.label": "x" },
    ]);
  });

  test("no more than GitHub runs, whatever is asked for", () => {
    const axis = `[${Array.from({ length: 50 }, (_, n) => n).join(",")}]`;
    expect(cells(`{ a: ${axis}, b: ${axis}, c: ${axis} }`)).toHaveLength(256);
  });
});
