import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse, parseAllDocuments } from "yaml";
import { NODE_IMAGE, gitlabTemplates, BUILDING } from "../../../core/ci/gitlab.ts";
import { gitlabFile } from "../../../core/ci/gitlab-file.ts";
import { ROOT } from "../../support/rig.ts";

interface Job {
  readonly image?: string;
  readonly services?: unknown;
  readonly variables?: unknown;
  readonly rules?: readonly { readonly if: string }[];
}

/** The second document of a component: its jobs. */
function jobsOf(name: string): Readonly<Record<string, Job>> {
  const [, jobs] = parseAllDocuments(readFileSync(join(ROOT, "templates", `${name}.yml`), "utf8"));
  return jobs?.toJS();
}

/** What `init` writes for a plan of no platform. */
const written: Readonly<Record<string, Job>> = parse(
  gitlabFile(
    {
      jobs: [],
      others: [],
      registries: [],
      secrets: [],
      selection: { file: "plan.yaml", set: [], image: [] },
      version: "1",
    },
    true,
  ),
);

test.each(["release", "fan-out"])(
  "the component %s has the images and variables of what `init` writes",
  (name) => {
    const building = jobsOf(name)[".buildx-plan"];
    expect(building).toMatchObject({ image: NODE_IMAGE });
    expect({ services: building?.services, variables: building?.variables }).toEqual(
      gitlabTemplates({ registries: [] })[BUILDING],
    );
  },
);

test("the components run when the jobs do that `init` writes", () => {
  const plain = (job: Job | undefined): readonly string[] =>
    (job?.rules ?? []).map((rule) => rule.if.replaceAll('"', "'"));
  for (const name of ["release", "fan-out"])
    for (const job of Object.keys(jobsOf(name)).filter((key) => !key.startsWith(".")))
      expect([job, plain(jobsOf(name)[job])]).toEqual([job, plain(written[job])]);
});
