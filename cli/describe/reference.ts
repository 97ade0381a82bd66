import type { ReferenceInvalid, ReferenceProblem } from "../../core/oci/reference.ts";
import type { LayoutReferenceInvalid } from "../../core/oci/layout-reference.ts";
import type { Explanation } from "./explanation.ts";

const WORDS: Readonly<Record<ReferenceProblem, string>> = {
  empty: "it is empty",
  scheme: "it begins like a URL; a reference has no scheme",
  whitespace: "there is white space in it",
  uppercase: "names of repositories are lowercase",
  identifier: "that is the ID of a local image; a registry knows names and digests",
  "name-too-long": "the name is too long (255 characters at most)",
  "tag-too-long": "the tag is too long (128 characters at most)",
  malformed: "it is not of the form registry/name:tag or registry/name@sha256:...",
  "digest-length": "the digest does not have the length that its algorithm gives",
  "digest-unsupported": "only sha256 and sha512 digests are known",
  "missing-tag": "it has no tag",
  "unexpected-tag": "it has a tag",
  "unexpected-digest": "it has a digest",
};

/** Why a text is no image reference, in words. */
export function explainReference({ problem, text, suggestion }: ReferenceInvalid): Explanation {
  return {
    headline: `\`${text}\` is no image reference: ${WORDS[problem]}`,
    facts: [],
    advice: suggestion === undefined ? layoutAdvice(text) : [`Did you mean ${suggestion}?`],
  };
}

/** A path is no reference of a registry, and hardly anything else than a layout. */
function layoutAdvice(text: string): readonly string[] {
  return /^(?:~|\.{1,2})?\//.test(text)
    ? [`An image in a file or folder is named with a scheme: oci-layout://${text}`]
    : [];
}

const LAYOUT_WORDS: Readonly<Record<LayoutReferenceInvalid["problem"], string>> = {
  "no-scheme": "it does not begin with oci-layout://",
  "no-path": "it names no path",
  "digest-invalid": "its digest is none that can be checked",
};

/** Why a text names no image in an OCI layout, in words. */
export function explainLayoutReference({ problem, text }: LayoutReferenceInvalid): Explanation {
  return {
    headline: `\`${text}\` names no image in an OCI layout: ${LAYOUT_WORDS[problem]}`,
    facts: [],
    advice: ["Write oci-layout://PATH, oci-layout://PATH:TAG or oci-layout://PATH@sha256:..."],
  };
}
