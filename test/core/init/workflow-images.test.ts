import { expect, test } from "vitest";
import { readForeignYaml } from "../../../core/init/foreign.ts";
import { readWorkflow } from "../../../core/init/workflow.ts";

interface Job {
  /** Inputs of docker/metadata-action, in lines of YAML's flow style. */
  readonly meta?: string;
  readonly build?: string;
  readonly env?: string;
}

/** What is made of a workflow with one job that builds, and one that makes tags of what it has pushed. */
function read(
  { meta = "{}", build = "{ push: true, tags: '${{ steps.meta.outputs.tags }}' }", env = "{}" }: Job,
  merge = "{}",
) {
  const file = readForeignYaml(
    "ci.yml",
    `
env: ${env}
jobs:
  build:
    steps:
      - { id: meta, uses: docker/metadata-action@v6, with: ${meta} }
      - { uses: docker/build-push-action@v7, with: ${build} }
  merge:
    needs: [build]
    steps:
      - { id: meta, uses: docker/metadata-action@v6, with: ${merge} }
`,
  );
  if (!file.ok) throw new Error(file.error);
  const { images, leftOut } = readWorkflow(file.value, "ci.yml");
  return { images, leftOut: leftOut.map(({ what }) => what) };
}

const FROM = ["schedule", "branch", "tag", "pr"];

test.each([
  ["one", "a/b", [{ image: "a/b", from: FROM }]],
  [
    "one in each line",
    "a/b\\nghcr.io/a/b",
    [
      { image: "a/b", from: FROM },
      { image: "ghcr.io/a/b", from: FROM },
    ],
  ],
  [
    "several in one line",
    "a/b,ghcr.io/a/b",
    [
      { image: "a/b", from: FROM },
      { image: "ghcr.io/a/b", from: FROM },
    ],
  ],
  ["in capitals", "Team/App", [{ image: "team/app", from: FROM }]],
  ["with attributes", "name=a/b,enable=true\\nname=c/d,enable=false", [{ image: "a/b", from: FROM }]],
])("images of metadata-action: %s", (_, images, tags) => {
  const found = read({ meta: `{ images: "${images}" }` });
  expect(found.images.map((image) => image.tags)).toEqual([tags]);
  expect(found.leftOut).toEqual([]);
});

test("an image that only the workflow knows keeps its rules; one that it may leave out is told", () => {
  const images = "${{ steps.lower.outputs.name }}\\nname=a/b,enable=${{ github.event_name != 'push' }}";
  const { images: found, leftOut } = read({ meta: `{ images: "${images}", tags: "type=edge" }` });
  expect(found.map(({ tags }) => tags)).toEqual([[{ from: ["edge"] }]]);
  expect(leftOut).toEqual([
    "the image `name=a/b,enable=${{ github.event_name != 'push' }}`: whether it counts is decided in the workflow",
    "the tag `${{ steps.lower.outputs.name }}`: known only while the workflow runs",
  ]);
});

test("where no rule is left the git tag stays", () => {
  const { images } = read({ meta: "{ images: a/b, tags: 'type=raw,value={{base_ref}}' }" });
  expect(images.map(({ tags }) => tags)).toEqual([["a/b:${release}"]]);
});

test("labels and annotations that metadata-action is told are the plan's, the step's own where they stand", () => {
  const { images, leftOut } = read({
    meta: '{ images: a/b, labels: "a=1\\nb=1\\nc={{tag}}", annotations: "d=${{ env.D }}" }',
    build:
      "{ push: true, tags: '${{ steps.meta.outputs.tags }}', labels: \"b=0\\n${{ steps.meta.outputs.labels }}\\na=2\", annotations: '${{ steps.meta.outputs.annotations }}' }",
    env: '{ D: x, DOCKER_METADATA_ANNOTATIONS_LEVELS: "manifest,index" }',
  });
  expect(images[0]?.build).toMatchObject({ labels: { a: "2", b: "1" }, annotations: ["manifest,index:d=x"] });
  expect(leftOut).toEqual(["`labels: c={{tag}}`: a plan resolves `{{...}}` in rules for tags only"]);
});

test("labels of another step than metadata-action are left out", () => {
  const build = "{ push: true, tags: a/b:1, labels: '${{ steps.other.outputs.labels }}' }";
  expect(read({ build }).leftOut).toEqual([
    "`labels: ${{ steps.other.outputs.labels }}`: known only while the workflow runs",
  ]);
});

test("of parts that another job merges its rules count, and annotations for the index are told", () => {
  const build = '{ tags: a/b, outputs: "type=image,push-by-digest=true,push=true" }';
  const { images, leftOut } = read(
    { meta: "{ images: a/b }", build },
    "{ images: c/d, tags: 'type=sha', flavor: 'latest=true', annotations: 'x=y' }",
  );
  expect(images.map(({ tags }) => tags)).toEqual([[{ image: "c/d", from: ["sha"], latest: true }]]);
  expect(leftOut).toEqual([
    "`annotations: x=y` of the job that merges: if the index has it, write `index:x=y`",
  ]);
});
