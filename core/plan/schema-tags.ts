import * as z from "zod/mini";
import { anyText, described, maybe, text } from "./schema-parts.ts";

/* The keys of tags, labels and annotations that are made of what is checked out. */

const number = z.union([z.int(), text]);

const rule = z.union([
  text,
  z.strictObject({
    type: described(text, "semver, match, tag, branch, pr, edge, sha, schedule or raw."),
    event: maybe(text, "Of the type `ref`, as docker/metadata-action has it: branch, tag or pr."),
    pattern: maybe(
      text,
      "Of semver: text with {{version}}, {{major}}, {{minor}}, {{patch}}, {{raw}}. Of match: a regular expression. Of schedule: the tag.",
    ),
    match: maybe(text, "Of semver: a regular expression whose first group is the version."),
    group: maybe(number, "Of match: the group that is taken. Default: 0, all that matches."),
    value: maybe(text, "Of raw: the tag. Of semver and match: what is looked at instead of the tag."),
    branch: maybe(text, "Of edge: the branch. Default: the default branch of the repository."),
    format: maybe(text, "Of sha: short (default) or long."),
    prefix: maybe(anyText, "Put before. Default: `pr-` for pr, `sha-` for sha."),
    suffix: maybe(anyText, "Put behind."),
    priority: maybe(number, "Rules with a higher one come first."),
    enable: maybe(z.union([z.boolean(), text]), "false: the rule gives nothing."),
  }),
]);

/** Of an entry of `tags`. */
export const tagRules = {
  image: maybe(text, "Repository that gets the tags, without a tag."),
  from: maybe(
    z.array(rule).check(z.minLength(1)),
    "Rules as docker/metadata-action has them: `semver:{{version}}`, `branch`, `pr`, `sha`, `schedule`, `edge`, `tag`, " +
      "`match:EXPRESSION`, `raw:TEXT`, or `type=semver,pattern={{version}}`, or a map of the same.",
  ),
  latest: maybe(
    z.union([z.boolean(), z.enum(["auto"])]),
    "The tag `latest`: auto (default: with the highest release, never a prerelease), true or false.",
  ),
  prefix: maybe(anyText, "Before each tag whose rule has no prefix of its own."),
  suffix: maybe(anyText, "Behind each tag whose rule has no suffix of its own."),
  "on-latest": maybe(z.boolean(), "true: prefix and suffix are put around `latest`, too."),
};

/** Of an image. */
export const metadata = maybe(
  z.boolean(),
  "false: no labels and annotations are taken from the repository (title, source, url, licenses, revision, created, version).",
);
