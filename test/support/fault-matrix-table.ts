import { FAULT_KINDS } from "./fault-matrix-faults.ts";
import type { RequestKind } from "./fault-matrix-kinds.ts";
import type { CaseResult, Outcome, Scenario } from "./fault-matrix.ts";

interface Row {
  readonly kinds: readonly RequestKind[];
  readonly cases: number;
  readonly once: string;
  readonly always: string;
}

/** The tables of the documentation: what comes of each fault, at which requests. */
export function formatMatrix(
  scenarios: readonly { readonly scenario: Scenario; readonly results: readonly CaseResult[] }[],
): string {
  const total = scenarios.reduce((sum, { results }) => sum + results.length, 0);
  const sections = scenarios.map(({ scenario, results }) => formatScenario(scenario, results));
  return `${HEAD.replace("TOTAL", String(total))}\n${sections.join("\n")}`;
}

const HEAD = `<!-- Made by test/e2e/fault-matrix.test.ts, which fails where this file says something else than it found. To write it anew:
     node tools/bootstrap.mjs test --project alone test/e2e/fault-matrix.test.ts -u -->
# What happens when a registry fails

Each fault was put at each request of a release, a push and two kinds of copies: a proxy with a token server stands before a real
registry (distribution 2.8) and breaks one request, once or as often as that same request is made. That makes TOTAL cases. After
every one of them, the registry was read without buildx-plan, and all of this held:

- no tag names anything that is incomplete: every child manifest, config and layer is there, with the right bytes;
- a success means that the tags name the right digest, and what a failure says of tags is so;
- no credential reached a host that it does not belong to, and none stands in a failure;
- a failure is one of the kinds of failure that buildx-plan knows, and never a crash or a run that does not end;
- a plain second run, without faults, completes.

"passes" is a run that succeeds as if nothing had been; otherwise the kind of failure stands there that ends the run. No tag has moved
then, except where a tag itself could not be written (PUT tag): the tags before it have moved, and the failure names them. The number of
cases is that of the requests at which the faults of a row were put, once and for ever.
`;

function formatScenario({ title, about }: Scenario, results: readonly CaseResult[]): string {
  const rows = FAULT_KINDS.flatMap(({ name }) =>
    rowsOf(results.filter(({ fault }) => fault.name === name)).map((row) => ({ name, row })),
  );
  const alike = Map.groupBy(rows, ({ row }) => JSON.stringify({ ...row, cases: 0 }));
  const lines = [...alike.values()].map((same) => formatRow(same));
  return `## ${title}
${about}

| fault | at | cases | once | for ever |
|---|---|---|---|---|
${lines.join("\n")}
`;
}

/** Faults with the same outcomes at the same requests share a line. */
function formatRow(same: readonly { readonly name: string; readonly row: Row }[]): string {
  const names = same.map(({ name }) => name).join("; ");
  const cases = same.reduce((sum, { row }) => sum + row.cases, 0);
  const [first] = same;
  if (first === undefined) throw new Error("Internal error: a line of no rows");
  const { kinds, once, always } = first.row;
  return `| ${[names, kinds.join(", "), cases, once, always].join(" | ")} |`;
}

/** Kinds of requests with the same outcomes share a row. */
function rowsOf(results: readonly CaseResult[]): readonly Row[] {
  const byKind = Map.groupBy(results, ({ kind }) => kind);
  const rows = [...byKind].map(([kind, cases]): Row => ({
    kinds: [kind],
    cases: cases.length,
    once: wordsFor(cases.filter(({ always }) => !always)),
    always: wordsFor(cases.filter(({ always }) => always)),
  }));
  return [...Map.groupBy(rows, ({ once, always }) => `${once}|${always}`).values()].map((same) => ({
    kinds: same.flatMap(({ kinds }) => kinds).toSorted(),
    cases: same.reduce((sum, { cases }) => sum + cases, 0),
    once: same[0]?.once ?? "",
    always: same[0]?.always ?? "",
  }));
}

function wordsFor(results: readonly CaseResult[]): string {
  return [...new Set(results.map(({ outcome }) => words(outcome)))].toSorted().join("; ");
}

function words(outcome: Outcome): string {
  if (outcome.kind === "fails") return outcome.failure;
  return outcome.lacking === undefined ? "passes" : `passes, without ${outcome.lacking}`;
}
