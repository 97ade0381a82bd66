import {
  familiarReference,
  formatReference,
  formatRepository,
  parseRepository,
  parseTaggedReference,
} from "../oci/reference.ts";
import type { ReferenceInvalid, ReferenceProblem, Repository, TaggedReference } from "../oci/reference.ts";
import type { Result } from "../result.ts";
import { nameCheckout } from "./checkout.ts";
import { rangeOf } from "./fields.ts";
import { complain, resolveText } from "./place.ts";
import type { PlanPlace } from "./place.ts";
import type { TagOrigin } from "./origins.ts";
import type { ReleaseTag } from "./plan.ts";
import type { Fact } from "./ref-facts.ts";
import type { Range } from "./source.ts";
import { expand } from "./tag-expressions.ts";
import { applyRule, inOrder, sanitizeTag } from "./tag-rules.ts";
import type { IfExists, Text, WrittenImage, WrittenTag, WrittenTagRule } from "./written.ts";

/** A tag of a release and where the plan asks for it. */
export interface PlannedTag {
  readonly tag: ReleaseTag;
  readonly range: Range;
  /** Did a rule make it? What rules and texts of one release give twice is one tag. */
  readonly isMade: boolean;
}

/** The tags of one release, where each came from, and its version where a rule gives one: the first tag that rules made. */
export interface ResolvedTags {
  readonly tags: readonly PlannedTag[];
  readonly origins: readonly TagOrigin[];
  readonly version?: Fact;
}

/** Resolves the tags of one release; what is no reference with a tag is reported and left out. */
export function resolveTags(image: WrittenImage, place: PlanPlace): ResolvedTags {
  const parts = image.tags.map((entry) =>
    entry.kind === "tag" ? resolveWritten(entry, image, place) : resolveRules(entry, image, place),
  );
  const tags = withoutEchoes(parts.flatMap((part) => part.tags));
  const version = parts.find((part) => part.version !== undefined)?.version;
  if (tags.length === 0 && parts.some(({ origins }) => origins.length > 0)) warnUntagged(image, place);
  return { tags, origins: parts.flatMap(({ origins }) => origins), ...(version && { version }) };
}

function warnUntagged({ name, range }: WrittenImage, { checkout, problems }: PlanPlace): void {
  const here = nameCheckout(checkout);
  const message = `No rule gives image \`${name}\` a tag${here === undefined ? "" : ` for ${here}`}`;
  problems.warning(range, message, {
    hint: "Add a rule that does (`tags` tells what each says), or build it with `--output` or `--load`",
  });
}

/** Of what rules and texts give twice the first stays; that a text is there twice is a mistake of the plan, and told later. */
function withoutEchoes(tags: readonly PlannedTag[]): readonly PlannedTag[] {
  const seen = new Map<string, boolean>();
  return tags.filter(({ tag, isMade }) => {
    const { key } = nameTag(tag);
    const before = seen.get(key);
    seen.set(key, isMade);
    return before === undefined || !(before || isMade);
  });
}

function resolveWritten(
  { text, ifExists }: Extract<WrittenTag, { readonly kind: "tag" }>,
  image: WrittenImage,
  place: PlanPlace,
): ResolvedTags {
  const written = resolveText(text, place)?.value;
  const tag = written === undefined ? undefined : readReference(parseTaggedReference(written), text, place);
  if (tag === undefined) return { tags: [], origins: [] };
  const range = rangeOf(text);
  const location = { file: place.file, range };
  return {
    tags: [{ tag: { ...tag, ...unlessMoved(ifExists ?? image.ifExists) }, range, isMade: false }],
    origins: [{ ...originOf(tag), rule: text.value, why: "written in the plan", location }],
  };
}

type Entry = Extract<WrittenTag, { readonly kind: "rules" }>;

/** What the rules of one entry have given so far. */
interface Gathered {
  readonly tags: readonly (PlannedTag & { readonly latest: true | string; readonly by: string })[];
  readonly origins: readonly TagOrigin[];
}

function resolveRules(entry: Entry, image: WrittenImage, place: PlanPlace): ResolvedTags {
  const written = resolveText(entry.image, place)?.value;
  const repository =
    written === undefined ? undefined : readReference(parseRepository(written), entry.image, place);
  if (repository === undefined) return { tags: [], origins: [] };
  const making = { entry, repository, place, ifExists: entry.ifExists ?? image.ifExists };
  const ordered = inOrder(entry.rules, place).map((rule) => runRule(rule, making));
  const tags = ordered.flatMap((each) => each.tags);
  const [first] = tags;
  const latest = first === undefined ? { tags: [], origins: [] } : addLatest(first, making);
  return {
    tags: [...tags, ...latest.tags],
    origins: [...ordered, latest].flatMap(({ origins }) => origins),
    ...(first && { version: { value: first.tag.tag, from: first.by } }),
  };
}

interface Making {
  readonly entry: Entry;
  readonly repository: Repository;
  readonly place: PlanPlace;
  readonly ifExists: IfExists | undefined;
}

function runRule(rule: WrittenTagRule, making: Making): Gathered {
  const outcome = applyRule(rule, making.entry, making.place);
  if (outcome === undefined) return { tags: [], origins: [] };
  const { shown, range } = rule;
  if (outcome.kind === "tag") {
    const { of } = outcome;
    return give(making, { ...outcome, rule: shown, range, why: `${of.value} (${of.from})` });
  }
  const location = { file: making.place.file, range };
  const repository = formatRepository(making.repository);
  const origin = { repository, rule: shown, why: outcome.why, location };
  return { tags: [], origins: [origin] };
}

interface Given {
  readonly rule: string;
  readonly range: Range;
  readonly tag: string;
  readonly why: string;
  readonly of?: Fact;
  readonly latest: true | string;
}

function give(
  { repository, ifExists, place }: Making,
  { rule, range, tag, why, of, latest }: Given,
): Gathered {
  const reference = { ...repository, tag };
  const planned = { tag: { ...reference, ...unlessMoved(ifExists) }, range, isMade: true };
  const location = { file: place.file, range };
  return {
    tags: [{ ...planned, latest, by: rule }],
    origins: [{ ...originOf(reference), rule, why, ...(of && { of }), location }],
  };
}

/** `latest` goes with what the first rule gives, as metadata-action has it; `auto`: where that is the highest release. */
function addLatest({ latest, by }: Gathered["tags"][number], making: Making): Gathered {
  const { entry, place, repository } = making;
  const range = rangeOf(entry.image);
  const [before, after] = entry.onLatest ? [expand(entry.prefix, place), expand(entry.suffix, place)] : [];
  const given = { rule: "latest", range, tag: sanitizeTag(`${before ?? ""}latest${after ?? ""}`), latest };
  if (entry.latest === "always") return give(making, { ...given, why: "`latest: true`" });
  const why = entry.latest === "never" ? "`latest: false`" : latest;
  if (why === true) return give(making, { ...given, why: `${by} gives the highest release` });
  const location = { file: place.file, range };
  return { tags: [], origins: [{ repository: formatRepository(repository), rule: "latest", why, location }] };
}

function originOf(tag: TaggedReference): Pick<TagOrigin, "repository" | "tag"> {
  return { repository: formatRepository(tag), tag: formatReference(tag) };
}

function unlessMoved(ifExists: IfExists | undefined): Pick<ReleaseTag, "ifExists"> {
  return ifExists === undefined || ifExists === "overwrite" ? {} : { ifExists };
}

function readReference<T>(parsed: Result<T, ReferenceInvalid>, text: Text, place: PlanPlace): T | undefined {
  if (parsed.ok) return parsed.value;
  const { problem, suggestion, text: written } = parsed.error;
  const shown = written.slice(0, 200);
  const { message, hint } = WORDS[problem];
  return complain(
    text,
    message(shown),
    suggestion === undefined ? hint(shown) : `Did you mean ${suggestion}?`,
    place,
  );
}

interface TagWords {
  readonly message: (written: string) => string;
  readonly hint: (written: string) => string;
}

function say(what: string, hint: string): TagWords {
  return { message: (written) => `\`${written}\` ${what}`, hint: () => hint };
}

const FORM = "Write registry/repository:tag";

const WORDS: Readonly<Record<ReferenceProblem, TagWords>> = {
  empty: say("is empty", FORM),
  scheme: say("is a URL, not an image reference", "Leave out what stands before the registry's name"),
  whitespace: say("has white space in it", FORM),
  uppercase: say("has capitals: the name of a repository is in lower case", "Write it in lower case"),
  identifier: say("is the ID of an image, not a name", FORM),
  "name-too-long": say("has a name of more than 255 characters", FORM),
  "tag-too-long": say("has a tag of more than 128 characters", "Shorten the tag"),
  malformed: say("is no image reference", FORM),
  "digest-length": say("has a digest of the wrong length", "A tag of a release has no digest"),
  "digest-unsupported": say("has a digest of an unknown kind", "A tag of a release has no digest"),
  "missing-tag": {
    message: (written) => `\`${written}\` has no tag`,
    hint: (written) => `Write ${written}:latest if that is meant`,
  },
  "unexpected-tag": say("has a tag", "Leave it out: rules make the tags"),
  "unexpected-digest": say("has a digest", "Remove it: a release gives the tag a digest"),
};

/** The distinct repositories of tags, in order. */
export function repositoriesOf(tags: readonly TaggedReference[]): readonly Repository[] {
  const distinct = new Map(
    tags.map(({ registry, path }) => [formatRepository({ registry, path }), { registry, path }]),
  );
  return [...distinct.values()];
}

/** A tag as people write it, and a form that is equal for equal tags. */
export function nameTag(tag: TaggedReference): { readonly shown: string; readonly key: string } {
  return { shown: familiarReference(tag), key: formatReference(tag) };
}
