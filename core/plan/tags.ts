import {
  familiarReference,
  formatReference,
  formatRepository,
  parseTaggedReference,
} from "../oci/reference.ts";
import type { ReferenceProblem, Repository, TaggedReference } from "../oci/reference.ts";
import { complain, resolveText } from "./place.ts";
import type { Place } from "./place.ts";
import type { ReleaseTag } from "./plan.ts";
import type { IfExists, Text, WrittenImage } from "./written.ts";

/** A tag of a release and where the plan asks for it. */
export interface PlannedTag {
  readonly tag: ReleaseTag;
  readonly text: Text;
}

/** Resolves the tags of one release; what is no reference with a tag is reported and left out. */
export function resolveTags(
  image: Pick<WrittenImage, "tags" | "ifExists">,
  place: Place,
): readonly PlannedTag[] {
  return image.tags.flatMap(({ text, ifExists = image.ifExists }) => {
    const written = resolveText(text, place)?.value;
    const tag = written === undefined ? undefined : readTag(written, text, place);
    return tag === undefined ? [] : [{ tag: { ...tag, ...unlessMoved(ifExists) }, text }];
  });
}

function unlessMoved(ifExists: IfExists | undefined): Pick<ReleaseTag, "ifExists"> {
  return ifExists === undefined || ifExists === "overwrite" ? {} : { ifExists };
}

function readTag(written: string, text: Text, place: Place): TaggedReference | undefined {
  const parsed = parseTaggedReference(written);
  if (parsed.ok) return parsed.value;
  const { problem, suggestion } = parsed.error;
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
  "unexpected-tag": say("has a tag", FORM),
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
