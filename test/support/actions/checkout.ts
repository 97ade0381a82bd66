import { execFileSync } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { failStep, readInputs, setVariable, variable } from "./step.ts";

/*
 * Clones the repository as actions/checkout does: the commit of the event, and of the history no more than was asked for. It is the first
 * step of every job, so it also gives the job a home of its own, which on GitHub comes with the machine.
 */

const input = readInputs(["fetch-depth", "fetch-tags", "persist-credentials", "token"]);
const [sha, ref, workspace] = [variable("GITHUB_SHA"), variable("GITHUB_REF"), variable("GITHUB_WORKSPACE")];
const origin = `${variable("GITHUB_SERVER_URL")}/${variable("GITHUB_REPOSITORY")}`;

const home = join(variable("RUNNER_TEMP"), "home");
mkdirSync(home, { recursive: true });
setVariable("HOME", home);

// What is asked of GitHub comes from a folder of the test.
const git = (...argv: readonly string[]): void => {
  const config = ["-c", `url.${variable("RIG_ORIGIN")}.insteadOf=${origin}`];
  execFileSync("git", [...config, ...argv], { cwd: workspace, stdio: ["ignore", "ignore", "inherit"] });
};
git("init", "-q");
git("remote", "add", "origin", origin);

const depth = Number(input("fetch-depth"));
if (!Number.isInteger(depth)) failStep("fetch-depth is no number");
const all = ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"];
const here = ref.startsWith("refs/heads/")
  ? ref.replace("refs/heads/", "refs/remotes/origin/")
  : ref.replace("refs/pull/", "refs/remotes/pull/");
// The branch may be further on than the event by now: its commit is fetched by itself.
if (depth === 0) git("fetch", "-q", "--no-tags", "origin", ...all);
const history = depth === 0 ? [] : [`--depth=${depth}`];
const tags = depth > 0 && input("fetch-tags") === "true" ? ["+refs/tags/*:refs/tags/*"] : [];
git("fetch", "-q", "--no-tags", ...history, "origin", ...tags, `+${sha}:${here}`);
if (ref.startsWith("refs/heads/")) git("checkout", "-q", "-B", ref.replace("refs/heads/", ""), here);
else git("checkout", "-q", here);
// Whatever the job runs can read it there.
if (input("persist-credentials") !== "false") git("config", `http.${origin}.extraheader`, input("token"));
