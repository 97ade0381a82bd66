import type { Value } from "../plan/tree.ts";
import { entriesIn, textIn } from "./foreign.ts";
import { literal } from "./proposal.ts";
import type { ProposedVariable } from "./proposal.ts";

/** What the `${{ ... }}` of one job and one cell of its matrix may name. */
export interface WorkflowScope {
  /** Of workflow, job and step, the nearest last. */
  readonly env: readonly (Value | undefined)[];
  /** Values of this cell, `matrix.item.name` by `item.name`. */
  readonly cell: ReadonlyMap<string, string>;
  /** Variables of the plan, which are gathered here. */
  readonly variables: Map<string, ProposedVariable>;
}

/** A step that builds an image, in one cell of the matrix of its job. */
export interface BuildStep {
  readonly job: string;
  readonly with: Value | undefined;
  readonly scope: WorkflowScope;
  /** Steps of its job that make tags and labels. */
  readonly metadata: readonly MetadataStep[];
}

/** A step with docker/metadata-action. */
export interface MetadataStep {
  readonly id: string;
  readonly with: Value | undefined;
  /** Of workflow, job and step, the nearest last. */
  readonly env: WorkflowScope["env"];
}

/** Of the context `github`: what a plan or the environment says the same of. */
const GITHUB: Readonly<Record<string, { readonly name: string } & ProposedVariable>> = {
  "github.repository": { name: "repository", env: "GITHUB_REPOSITORY", default: "you/app" },
  "github.repository_owner": { name: "repository_owner", env: "GITHUB_REPOSITORY_OWNER", default: "you" },
  "github.actor": { name: "actor", env: "GITHUB_ACTOR", default: "you" },
  "github.ref_name": { name: "ref_name", env: "GITHUB_REF_NAME", default: "dev" },
  "github.run_number": { name: "run_number", env: "GITHUB_RUN_NUMBER", default: "0" },
  "github.run_id": { name: "run_id", env: "GITHUB_RUN_ID", default: "0" },
  "github.event.repository.name": { name: "repository_name", default: "app" },
};

const [OPENS, CLOSES] = ["${{", "}}"];
const NAME = /^[A-Za-z_][\w-]*(?:\.[A-Za-z_][\w-]*)+$/;
const MAX_DEPTH = 5;

/** A text of a workflow in the plan's notation; undefined where it holds what nobody knows before the workflow runs. */
export function resolveText(text: string, scope: WorkflowScope, depth = 0): string | undefined {
  const [before = "", ...others] = text.split(OPENS);
  let resolved = literal(before);
  for (const other of others) {
    const end = other.indexOf(CLOSES);
    const value =
      end < 0 || depth > MAX_DEPTH ? undefined : resolveName(other.slice(0, end).trim(), scope, depth);
    if (value === undefined) return undefined;
    resolved += value + literal(other.slice(end + CLOSES.length));
  }
  return resolved;
}

function resolveName(name: string, scope: WorkflowScope, depth: number): string | undefined {
  if (!NAME.test(name)) return undefined;
  const [context = "", ...rest] = name.split(".");
  const key = rest.join(".");
  switch (context) {
    case "matrix": {
      const value = scope.cell.get(key);
      return value === undefined ? undefined : resolveText(value, scope, depth + 1);
    }
    case "env": {
      const value = scope.env.map((env) => textIn(env, key)).findLast((each) => each !== undefined);
      return value === undefined ? undefined : resolveText(value, scope, depth + 1);
    }
    case "github":
      return ofGithub(name, scope);
    case "vars":
      return variable(
        key,
        { env: key, default: key.toLowerCase(), comment: `Was \`vars.${key}\` of the repository.` },
        scope,
      );
    case "secrets":
      return variable(
        key,
        { env: key, default: key.toLowerCase(), comment: `Was \`secrets.${key}\` of the repository.` },
        scope,
      );
    default:
      return undefined;
  }
}

function ofGithub(name: string, scope: WorkflowScope): string | undefined {
  if (name === "github.sha") return "${git.sha}";
  const known = Object.hasOwn(GITHUB, name) ? GITHUB[name] : undefined;
  if (known === undefined) return undefined;
  const { name: own, ...settings } = known;
  return variable(own, { ...settings, comment: `Was \`${name}\` of the workflow.` }, scope);
}

function variable(name: string, proposed: ProposedVariable, { variables }: WorkflowScope): string {
  const own = name.toLowerCase();
  variables.set(own, proposed);
  return `\${${own}}`;
}

/** The cells of a job's matrix; one without values where it has none. At most {@link MAX_CELLS}. */
export function cellsOf(matrix: Value | undefined): readonly ReadonlyMap<string, string>[] {
  const axes = entriesIn(matrix).filter(({ key }) => key !== "include" && key !== "exclude");
  let cells: readonly ReadonlyMap<string, string>[] = [new Map()];
  for (const { key, value } of axes) {
    const values = value.kind === "list" ? value.items.map((item) => flatten(item, key)) : [];
    if (values.length === 0) continue;
    cells = cells.flatMap((cell) => values.map((each) => new Map([...cell, ...each]))).slice(0, MAX_CELLS);
  }
  return withIncluded(cells, axes.length > 0, matrix).slice(0, MAX_CELLS);
}

/** As many as GitHub runs. */
const MAX_CELLS = 256;

/** An entry of `include` extends all cells that it contradicts in nothing, or is a cell of its own. */
function withIncluded(
  cells: readonly ReadonlyMap<string, string>[],
  hasAxes: boolean,
  matrix: Value | undefined,
): readonly ReadonlyMap<string, string>[] {
  const include = entriesIn(matrix).find(({ key }) => key === "include")?.value;
  const entries = include?.kind === "list" ? include.items.map((item) => flatten(item, "")) : [];
  if (entries.length === 0) return cells;
  if (!hasAxes) return entries;
  const extended = cells.map((cell) => {
    const fitting = entries.filter((entry) => fits(cell, entry));
    return new Map([...cell, ...fitting.flatMap((entry) => [...entry])]);
  });
  return [...extended, ...entries.filter((entry) => !cells.some((cell) => fits(cell, entry)))];
}

function fits(cell: ReadonlyMap<string, string>, entry: ReadonlyMap<string, string>): boolean {
  return [...entry].every(([key, value]) => (cell.get(key) ?? value) === value);
}

/** `{ os: { name: x } }` as `os.name`. */
function flatten(value: Value, prefix: string): ReadonlyMap<string, string> {
  const text = textIn(value);
  if (text !== undefined) return new Map([[prefix, text]]);
  const inner = entriesIn(value).map((entry) =>
    flatten(entry.value, prefix === "" ? entry.key : `${prefix}.${entry.key}`),
  );
  return new Map(inner.flatMap((each) => [...each]));
}
