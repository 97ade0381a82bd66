import { join } from "node:path";
import { expect, test } from "vitest";
import { lookAtDockerfiles } from "../../../core/preflight/dockerfiles.ts";
import type { Route } from "../../../core/route/route.ts";
import { node } from "../../support/make.ts";
import { folderWith, load, planOf } from "../../support/plan.ts";
import { formatPlatform } from "../../../platforms/platform.ts";

async function look(files: Readonly<Record<string, string>>, routed = false) {
  const from = await folderWith(files);
  const plan = planOf(await load("plan.yaml", from));
  const on = node("builder", ["linux/amd64"]);
  const variants = plan.releases.flatMap((release) => release.variants);
  const routes: readonly Route[] = variants.map((variant) => ({ variant, node: on, execution: "native" }));
  return await lookAtDockerfiles(plan, { routes: routed ? routes : [], from });
}

function plan(images: string): string {
  return `version: 1\nimages:\n${images}`;
}

const APP = `  app:
    platforms: [linux/amd64, linux/arm64, { platform: linux/s390x, required: false }]
    tags: [one.example/app:1]
`;

test("each file is read once; its bases come with platform, place and whether they must be there", async () => {
  const { bases, findings, looked, leftOut, groups } = await look({
    Dockerfile: "ARG TAG=3\nFROM alpine:$TAG\n",
    "plan.yaml": plan(`${APP}${APP.replace("app:\n", "other:\n").replace("app:1", "other:1")}`),
  });
  expect({ looked, leftOut, findings }).toEqual({ looked: 1, leftOut: [], findings: [] });
  expect(groups.map(({ variants }) => variants.length)).toEqual([6]);
  const shown = bases.map(({ reference, platform, required, location: { file, range } }) => [
    reference,
    platform === undefined ? "" : formatPlatform(platform),
    required,
    `${file.path}:${range.start}`,
  ]);
  expect(shown.slice(0, 3)).toEqual([
    ["alpine:3", "linux/amd64", true, "Dockerfile:15"],
    ["alpine:3", "linux/arm64", true, "Dockerfile:15"],
    ["alpine:3", "linux/s390x", false, "Dockerfile:15"],
  ]);
  expect(shown).toHaveLength(6);
});

test("the builder's platform is that of the node, once it is known", async () => {
  const files = {
    Dockerfile: "FROM --platform=$BUILDPLATFORM golang:1 AS build\nFROM scratch\nCOPY --from=build /a /a\n",
    "plan.yaml": plan(APP),
  };
  const unknown = await look(files);
  expect(unknown.bases.map(({ platform }) => platform)).toEqual([undefined, undefined, undefined]);
  const known = await look(files, true);
  expect(known.bases.map(({ platform }) => platform?.architecture)).toEqual(["amd64", "amd64", "amd64"]);
});

test("what is wrong for several targets or platforms is told once", async () => {
  const { findings, groups } = await look({
    Dockerfile: "FROM alpine AS one\nARG TARGETARCH=amd64\nRUN make $TARGETARCH\nFROM one AS two\n",
    "plan.yaml": plan(
      `${APP}    target: one\n${APP.replace("app:\n", "other:\n").replace("app:1", "other:1")}    target: two\n`,
    ),
  });
  expect(groups).toHaveLength(2);
  expect(findings.filter(({ rule }) => rule === "platform-arg-default")).toHaveLength(1);
});

test("a Dockerfile that is none is told at its place, and has no bases", async () => {
  const { findings, bases, groups } = await look({ Dockerfile: "FORM alpine\n", "plan.yaml": plan(APP) });
  expect(findings.map(({ rule, location }) => [rule, location?.file.path])).toEqual([
    ["dockerfile-unreadable", "Dockerfile"],
  ]);
  expect([bases, groups]).toEqual([[], []]);
});

test("one that is gone since the plan was read is told at the image's place in the plan", async () => {
  const from = await folderWith({ Dockerfile: "FROM scratch\n", "plan.yaml": plan(APP) });
  const read = planOf(await load("plan.yaml", from));
  const moved = read.releases.map((release) => ({
    ...release,
    variants: release.variants.map((variant) => ({
      ...variant,
      build: { ...variant.build, dockerfile: join(from, "gone") },
    })),
  }));
  const { findings } = await lookAtDockerfiles({ ...read, releases: moved }, { routes: [], from });
  expect(findings.map(({ rule, message, location }) => [rule, message, location?.file.path])).toEqual([
    ["dockerfile-unreadable", "The Dockerfile gone cannot be read: it is not there", "plan.yaml"],
  ]);
});

test("what BuildKit fetches itself, and names that nobody knows yet, are said to be left out", async () => {
  const { leftOut, looked } = await look({
    Dockerfile: "ARG BASE\nFROM $BASE\n",
    "plan.yaml": plan(`  remote:
    context: https://example.com/repository.git
    platforms: [linux/amd64]
    tags: [one.example/remote:1]
`),
  });
  expect(looked).toBe(0);
  expect(leftOut).toEqual(["the Dockerfile of remote, which is in a context that BuildKit fetches"]);
});
