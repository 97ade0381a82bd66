import type { CiKind } from "./run.ts";

/*
 * What people call CIs, and what generated pipelines call by name, in one place: a version that is raised here is raised in all of them.
 */

/** What people call each CI. */
export const CI_NAMES: Readonly<Record<CiKind, string>> = {
  github: "GitHub Actions",
  forgejo: "Forgejo or Gitea Actions",
  gitlab: "GitLab CI",
  buildkite: "Buildkite",
  azure: "Azure Pipelines",
  circleci: "CircleCI",
  jenkins: "Jenkins",
};

/** The action of this project, as workflows use it. */
export const OWN_ACTION = "buildx-plan/buildx-plan@v1";

/** Actions of others, at the major versions that their own documentation names. */
export const ACTIONS = {
  checkout: "actions/checkout@v6",
  qemu: "docker/setup-qemu-action@v4",
  buildx: "docker/setup-buildx-action@v4",
  login: "docker/login-action@v4",
  cosign: "sigstore/cosign-installer@v4",
} as const;

/** The runner of GitHub for what the plan names none for. */
export const GITHUB_RUNNER = "ubuntu-latest";

/** The image of Azure's own agents for what the plan names none for. */
export const AZURE_IMAGE = "ubuntu-latest";

/** The Node that pipelines run this program with. */
export const NODE_VERSION = "24";

/** How a pipeline without an action calls this program: the very version that wrote the pipeline. */
export function ownCommand(version: string): string {
  return `npx --yes buildx-plan@${version}`;
}
