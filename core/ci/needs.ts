import type { Finding } from "../host/finding.ts";
import { historyFindings } from "./needs-history.ts";
import { identityFindings } from "./needs-identity.ts";
import { pushFindings } from "./needs-push.ts";
import { variableFindings } from "./needs-variables.ts";
import { CI_NAMES } from "./names.ts";
import type { AskedRepository, PipelineFacts } from "./pipeline-facts.ts";
import { isRestricted, type CiEvent, type CiRun, type Environment } from "./run.ts";

/**
 * What a pipeline has to give a plan, and whether it is there: leave to push, an identity to sign with, the history of the sources,
 * variables. What is missing comes with the lines to add in this very CI. Of a run that has none of it by design nothing is wanted.
 */
export function pipelineFindings(facts: PipelineFacts): readonly Finding[] {
  const { run, env } = facts;
  const bases = baseFindings(facts);
  if (run !== undefined && isRestricted(run, env))
    return [forkFinding(run), ...bases, ...historyFindings(facts)];
  return [
    ...bases,
    ...pushFindings(facts),
    ...identityFindings(facts),
    ...historyFindings(facts),
    ...variableFindings(facts),
  ];
}

/** Whether base images can be read; what is wrong with them otherwise, `check` tells. */
function baseFindings({ bases: { looked, findings } }: PipelineFacts): readonly Finding[] {
  const check = "bases";
  if (findings.length === 0)
    return looked === 0
      ? []
      : [{ check, state: "ok", detail: `${looked} base image${looked === 1 ? "" : "s"} can be read` }];
  return findings.map(({ severity, message, fix, location }) => ({
    check,
    state: severity === "error" ? "problem" : "warning",
    detail: message,
    ...(fix === undefined ? {} : { mend: fix }),
    ...(location === undefined ? {} : { location }),
  }));
}

/**
 * What was found of the host, then of the pipeline, each trouble once: a registry that is not there takes no push either, and one that wants
 * a login says so of its repositories, with the lines that give it in this CI.
 */
export function withoutEchoes(host: readonly Finding[], facts: PipelineFacts): readonly Finding[] {
  const refusing = facts.push.filter(({ denied }) => denied !== undefined);
  const denied = new Set(refusing.map(({ repository }) => `registry ${repository.registry}`));
  const troubled = new Set(host.filter(({ state }) => state === "problem").map(({ check }) => check));
  const isEcho = ({ repository, finding, ...asked }: AskedRepository): boolean =>
    finding !== undefined && asked.denied === undefined && troubled.has(`registry ${repository.registry}`);
  const push = facts.push.filter((asked) => !isEcho(asked));
  return [
    ...host.filter(({ check, state }) => state !== "problem" || !denied.has(check)),
    ...pipelineFindings({ ...facts, push }),
  ];
}

/** Which CI runs this, and what for; none outside of CI. */
export function ciFindings(run: CiRun | undefined, env: Environment): readonly Finding[] {
  if (run !== undefined) return [{ check: "ci", state: "ok", detail: describeRun(run) }];
  const isUnknown = (env["CI"] ?? "") !== "" && env["CI"] !== "false";
  if (!isUnknown) return [];
  const detail = "a CI that buildx-plan does not know (CI is set): no groups, annotations or summary";
  return [{ check: "ci", state: "ok", detail }];
}

const EVENTS: Readonly<Record<CiEvent, string>> = {
  push: "a push",
  tag: "a tag",
  "pull-request": "a pull request",
  schedule: "a schedule",
  dispatch: "somebody who asked for it",
  other: "an event of another kind",
};

/** `GitHub Actions: a pull request (7) from a fork, refs/pull/7/merge` */
function describeRun({ kind, event, ref, pullRequest, attempt = 1 }: CiRun): string {
  const number = pullRequest?.number === undefined ? "" : ` (${pullRequest.number})`;
  const fork = pullRequest?.isFork === true ? " from a fork" : "";
  const parts = [
    `${EVENTS[event]}${number}${fork}`,
    ...(ref === undefined ? [] : [ref]),
    ...(attempt > 1 ? [`attempt ${attempt}`] : []),
  ];
  return `${CI_NAMES[kind]}: ${parts.join(", ")}`;
}

const BUILD_ONLY = "buildx-plan build --output type=oci,dest=image.tar";

/** What is missing there is missing on purpose, so it is no problem; what can be done all the same is. */
function forkFinding({ kind }: CiRun): Finding {
  const isGithub = kind === "github";
  return {
    check: "fork",
    state: "ok",
    detail:
      "secrets, leave to push and identities are not given to forks, by design: nothing of it is looked for; plan, check and a build without a push need none",
    mend: isGithub ? `${BUILD_ONLY}\nwith: { push: false }   # of the action` : BUILD_ONLY,
  };
}
