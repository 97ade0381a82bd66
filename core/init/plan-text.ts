import { Document, isMap, isScalar, isSeq } from "yaml";
import type { Draft, DraftImage } from "./draft.ts";
import type { LeftOut, PlanValue, ProposedVariable } from "./proposal.ts";

/** What editors read; the path is that of an installed package. */
const SCHEMA = " yaml-language-server: $schema=./node_modules/buildx-plan/schema.json";

/** More of what was left out is not listed in the file. */
const MAX_LISTED = 20;

/** The text of a plan, with comments where a person has to look. `origin`: the files that it was made of. */
export function planText(draft: Draft, origin: readonly string[], leftOut: readonly LeftOut[]): string {
  const plan = {
    version: 1,
    ...(draft.variables.size > 0 && { vars: mapOf(draft.variables, variableValue) }),
    ...(draft.runners.size > 0 && { runners: Object.fromEntries(draft.runners) }),
    images: Object.fromEntries(draft.images.map(({ name, keys }) => [name, keys])),
  };
  const document = new Document(plan, { aliasDuplicateObjects: false });
  for (const [name, { comment }] of draft.variables) addComment(document, ["vars", name], comment);
  for (const image of draft.images) commentImage(document, image);
  const first = headOf(origin, leftOut);
  return `${first}${document.toString({ lineWidth: 0, flowCollectionPadding: false })}`;
}

function mapOf<T>(
  map: ReadonlyMap<string, T>,
  value: (each: T) => PlanValue,
): Readonly<Record<string, PlanValue>> {
  return Object.fromEntries([...map].map(([key, each]) => [key, value(each)]));
}

function variableValue({ env, default: fallback }: ProposedVariable): PlanValue {
  if (env === undefined) return fallback ?? "";
  return { env, ...(fallback !== undefined && { default: fallback }) };
}

function headOf(origin: readonly string[], leftOut: readonly LeftOut[]): string {
  const listed = leftOut.slice(0, MAX_LISTED).map(({ of, what }) => `   ${of}: ${what}`);
  const more = leftOut.length > listed.length ? [`   and ${leftOut.length - listed.length} more`] : [];
  const lines = [
    SCHEMA,
    ` Made by \`buildx-plan init\` from ${origin.join(", ")}. \`buildx-plan plan\` shows what it builds, and where.`,
    ...(listed.length > 0 ? [" Left out:", ...listed, ...more] : []),
  ];
  return lines.map((line) => `#${harmless(line)}\n`).join("");
}

function commentImage(document: Document, { name, comments, keys }: DraftImage): void {
  for (const [key, comment] of Object.entries(comments)) addComment(document, ["images", name, key], comment);
  const platforms = document.getIn(["images", name, "platforms"], true);
  if (isSeq(platforms) && Array.isArray(keys["platforms"])) platforms.flow = true;
}

function addComment(document: Document, path: readonly string[], comment: string | undefined): void {
  const owner = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  if (comment === undefined || !isMap(owner)) return;
  const pair = owner.items.find(({ key }) => isScalar(key) && key.value === path.at(-1));
  if (pair !== undefined && isScalar(pair.key)) pair.key.commentBefore = ` ${harmless(comment)}`;
}

/** One line that neither YAML nor a terminal takes for more than it is. */
function harmless(comment: string): string {
  return comment.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]+/gu, " ").slice(0, 400);
}
