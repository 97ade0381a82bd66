import * as z from "zod/mini";
import { described, duration, maybe, text } from "./schema-parts.ts";

/* The keys of how a plan is carried out: where, in which order, what is done again, and what is taken over. */

/** The most that `max-parallelism` may be. */
const parallelism = z.int().check(z.minimum(1), z.maximum(1024));

/** Of the whole plan. */
export const planRun = {
  "max-parallelism": maybe(
    parallelism,
    "Builds at the same time, over all builders. Default: as many as they have room for.",
  ),
  "fail-fast": maybe(
    z.boolean(),
    "true: the first platform that fails ends the others. Default: they go on, and all failures are told.",
  ),
  runners: maybe(
    z.record(text, z.union([text, z.array(text).check(z.minLength(1))])),
    "Which machine of the CI builds which platform, for `matrix` and `init --ci`: the label of a runner, or several, by platform. " +
      "`*` is for all platforms that have none of their own.",
  ),
};

/** Of a builder. */
export const builderRun = { "max-parallelism": maybe(parallelism, "Builds at the same time.") };

/** Of an image or one of its platforms. */
export const buildRun = {
  builders: described(
    z.array(text).check(z.minLength(1)),
    "Names of the builders that may build it, best first. Default: all of them.",
  ),
  timeout: described(duration, "Longest time for one build, `45m` or `1h30m`."),
  stall: described(
    duration,
    "Longest time that a build may show no sign of life, neither progress nor output: `30m`.",
  ),
  retries: described(
    z.int().check(z.minimum(0), z.maximum(10)),
    "How often it is built again after an emulator has crashed or a build has stalled. Default: 1.",
  ),
};

/** Of an image. */
export const imageRun = {
  needs: maybe(
    z.array(text),
    "Images of this plan that must be there first, platform by platform: `base`, or one cell of a matrix, " +
      "`base[node=22]`. One that is in `contexts` as `image:base` need not be named.",
  ),
  reuse: maybe(
    z.enum(["never", "unchanged"]),
    "unchanged: a platform whose inputs are those of the image that the tag names now is not built again. Default: never.",
  ),
  "unknown-inputs": maybe(
    z.enum(["build", "ignore"]),
    "Inputs that nobody can tell before the build (a URL without a checksum, a git branch): build anew because of them " +
      "(build, default), or take them as unchanged (ignore).",
  ),
  staging: maybe(
    z.union([z.boolean(), z.enum(["commit"])]),
    "Staging tags hold finished platforms for later runs and other machines: one for each platform (true, default), whatever is " +
      "released, which up to eight pipelines share; one for each commit, too (commit), on a registry that removes tags; or none (false).",
  ),
  "source-date-epoch": maybe(
    z.union([z.int().check(z.minimum(0)), text]),
    "Build argument SOURCE_DATE_EPOCH, for builds that can be repeated: `commit` (the time of the checked-out commit), or " +
      "seconds since 1970.",
  ),
};
