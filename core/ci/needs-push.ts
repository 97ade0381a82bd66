import type { Finding } from "../host/finding.ts";
import { formatRepository } from "../oci/reference.ts";
import { credentials } from "./gitlab.ts";
import { ACTIONS } from "./names.ts";
import type { AskedRepository, PipelineFacts } from "./pipeline-facts.ts";
import { isSet, type CiKind, type Environment } from "./run.ts";

type PushFacts = Pick<PipelineFacts, "run" | "env" | "push">;

/** Whether each repository takes a push; where it does not for want of a login or a permission, the lines that give it in this CI. */
export function pushFindings({ run, env, push }: PushFacts): readonly Finding[] {
  return push.map((asked) => {
    const name = formatRepository(asked.repository);
    const check = `push ${name}`;
    const { finding } = asked;
    if (finding === undefined) return { check, state: "ok", detail: "it takes a push" };
    const { severity, message, location } = finding;
    return {
      check,
      state: severity === "error" ? "problem" : "warning",
      // Its name stands before it already.
      detail: message.startsWith(name) ? `it${message.slice(name.length)}` : message,
      ...(location === undefined ? {} : { location }),
      ...mendOf(asked, run?.kind, env),
    };
  });
}

type Mend = Pick<Finding, "mend" | "notes">;

function mendOf(
  { repository, finding, denied }: AskedRepository,
  kind: CiKind | undefined,
  env: Environment,
): Mend {
  const { registry } = repository;
  const ask = { registry, env, isLoggedIn: denied?.credential !== undefined };
  const known = denied === undefined || kind === undefined ? undefined : MENDS[kind](ask);
  if (known !== undefined) return known;
  return finding?.fix === undefined ? {} : { mend: finding.fix };
}

interface Ask {
  readonly registry: string;
  readonly env: Environment;
  /** There is a login, and it may not write. */
  readonly isLoggedIn: boolean;
}

/** Undefined: what a registry needs is the same as anywhere. */
const MENDS: Readonly<Record<CiKind, (ask: Ask) => Mend | undefined>> = {
  github: mendOnGithub,
  forgejo: mendOnForgejo,
  gitlab: mendOnGitlab,
  buildkite: (ask) => loginByShell(ask, "command:\n  - "),
  azure: mendOnAzure,
  circleci: (ask) => loginByShell(ask, "- run: "),
  jenkins: mendOnJenkins,
};

const GHCR = "ghcr.io";

function mendOnGithub(ask: Ask): Mend | undefined {
  const { registry, env, isLoggedIn } = ask;
  if (registry !== GHCR) return isLoggedIn ? undefined : { mend: loginStep(registry) };
  const own = env["GITHUB_REPOSITORY"] ?? "this repository";
  const permissions = "permissions: { contents: read, packages: write }   # of the job";
  return {
    mend: isLoggedIn ? permissions : `${permissions}\n${loginStep(registry)}`,
    notes: [
      `A package that is there already lets nobody in by itself: in its settings, under Manage Actions access, add ${own} with the role Write.`,
    ],
  };
}

/** The step that logs in; the names of its secrets are those that `init` takes. */
function loginStep(registry: string): string {
  const { user, password } = credentials(registry);
  const login =
    registry === GHCR
      ? { username: "${{ github.actor }}", password: "${{ secrets.GITHUB_TOKEN }}" }
      : { username: `\${{ vars.${user} }}`, password: `\${{ secrets.${password} }}` };
  const place = registry === "docker.io" ? "" : `registry: ${quoted(registry)}, `;
  return `- uses: ${ACTIONS.login}\n  with: { ${place}username: "${login.username}", password: "${login.password}" }`;
}

/** A port would make a map of it. */
function quoted(registry: string): string {
  return registry.includes(":") ? `"${registry}"` : registry;
}

function mendOnForgejo({ registry, env, isLoggedIn }: Ask): Mend | undefined {
  if (isLoggedIn) return undefined;
  const server = env["GITHUB_SERVER_URL"] ?? "";
  const isOwn = URL.canParse(server) && new URL(server).host === registry;
  const notes = isOwn
    ? ["The token of a job may not write packages everywhere: make one with the scope write:package."]
    : [];
  return { mend: loginStep(registry), ...(notes.length > 0 && { notes }) };
}

function mendOnGitlab(ask: Ask): Mend | undefined {
  const { registry, env, isLoggedIn } = ask;
  const own = env["CI_REGISTRY"];
  if (!isSet(own) || own !== registry)
    return withNote(
      loginByShell(ask, "before_script:\n  - "),
      "Its variables are those of the project: Settings, CI/CD, Variables.",
    );
  if (isLoggedIn)
    return {
      mend: "docker login $CI_REGISTRY with a deploy token that has the scope write_registry",
      notes: [
        `The token of a job writes into the registry of its own project (${env["CI_PROJECT_PATH"] ?? "see CI_PROJECT_PATH"}) only, and only where the container registry is enabled there.`,
      ],
    };
  const login =
    'echo "$CI_REGISTRY_PASSWORD" | docker login "$CI_REGISTRY" -u "$CI_REGISTRY_USER" --password-stdin';
  return { mend: `before_script:\n  - ${login}` };
}

function mendOnJenkins({ registry, isLoggedIn }: Ask): Mend | undefined {
  if (isLoggedIn) return undefined;
  const id = registry.replaceAll(/[^A-Za-z0-9]+/g, "-");
  const binding = `withCredentials([usernamePassword(credentialsId: '${id}', usernameVariable: 'USER', passwordVariable: 'PASSWORD')])`;
  return {
    mend: `${binding} {\n  sh 'echo "$PASSWORD" | docker login ${registry} -u "$USER" --password-stdin'\n}`,
  };
}

/** Secret variables reach a step only where it names them. */
function mendOnAzure(ask: Ask): Mend | undefined {
  const login = loginByShell(ask, "- script: ");
  const { password } = credentials(ask.registry);
  return login && { mend: `${login.mend ?? ""}\n  env: { ${password}: $(${password}) }` };
}

function loginByShell({ registry, isLoggedIn }: Ask, before: string): Mend | undefined {
  if (isLoggedIn) return undefined;
  const { user, password } = credentials(registry);
  return {
    mend: `${before}echo "$${password}" | docker login ${registry} -u "$${user}" --password-stdin`,
  };
}

function withNote(mend: Mend | undefined, note: string): Mend | undefined {
  return mend && { ...mend, notes: [...(mend.notes ?? []), note] };
}
