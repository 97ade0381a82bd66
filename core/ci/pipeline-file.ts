import { GITHUB_FILE, githubLogins, githubWorkflow } from "./github-workflow.ts";
import { GITLAB_FILE, gitlabFile, gitlabLogins } from "./gitlab-file.ts";
import type { Pipeline } from "./pipeline.ts";

/** A pipeline as a file. */
export interface PipelineFile {
  /** Relative to the folder of the repository. */
  readonly path: string;
  readonly text: string;
  /** What has to be set for its logins. */
  readonly logins: readonly string[];
}

/** The file that a CI takes its pipeline from. */
export function pipelineFile(ci: "github" | "gitlab", pipeline: Pipeline, isFanOut: boolean): PipelineFile {
  return ci === "github"
    ? { path: GITHUB_FILE, text: githubWorkflow(pipeline, isFanOut), logins: githubLogins(pipeline) }
    : { path: GITLAB_FILE, text: gitlabFile(pipeline, isFanOut), logins: gitlabLogins(pipeline) };
}
