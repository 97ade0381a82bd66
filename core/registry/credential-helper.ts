import * as z from "zod/mini";
import { credentialOf, type Credential, type CredentialProblem } from "./credential-entry.ts";
import { fail, ok, type Result } from "../result.ts";

const TIMEOUT_MS = 30_000;
const OUTPUT_CAP = 64 * 1024;
// What docker-credential-helpers prints, on standard output and with exit code 1, where there is no login.
const NOT_FOUND = "credentials not found in native keychain";

/** How an asked helper ended: `answered` (perhaps with nothing), or it ran and said no. */
export type HelperAnswer =
  | { readonly kind: "answered"; readonly credential?: Credential }
  | { readonly kind: "refused"; readonly problem: CredentialProblem };

const helperOutput = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks `docker-credential-<name> get` for a server's login. Fails where there is no such program; a program that ran and
 * failed is an answer, since Docker then goes on without a login.
 * @see https://github.com/docker/docker-credential-helpers
 */
export async function askHelper(
  name: string,
  server: string,
  env: Readonly<Record<string, string | undefined>>,
): Promise<Result<HelperAnswer, CredentialProblem>> {
  const source = `docker-credential-${name}`;
  // The name becomes part of a program's name: nothing in it may lead to another folder.
  if (!/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/.test(name))
    return fail({ source, detail: "this is no name of a credential helper" });
  const { execa } = await import("execa");
  const ended = await execa(source, ["get"], {
    input: server,
    env,
    extendEnv: false,
    reject: false,
    timeout: TIMEOUT_MS,
    maxBuffer: OUTPUT_CAP,
    stdin: "pipe",
    stripFinalNewline: true,
  });
  if (ended.exitCode === undefined && ended.code === "ENOENT")
    return fail({ source, detail: "there is no such program on the PATH" });
  if (ended.failed) return ok(refusal(source, ended));
  return ok(readOutput(source, ended.stdout));
}

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly timedOut: boolean;
  readonly isMaxBuffer: boolean;
  readonly signal?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly code?: string | undefined;
}

function refusal(source: string, ended: Ended): HelperAnswer {
  if (ended.stdout.trim() === NOT_FOUND) return { kind: "answered" };
  if (ended.timedOut)
    return { kind: "refused", problem: { source, detail: `no answer within ${TIMEOUT_MS / 1000} s` } };
  if (ended.isMaxBuffer)
    return { kind: "refused", problem: { source, detail: `it printed more than ${OUTPUT_CAP} bytes` } };
  const said = firstLine(ended.stderr) || firstLine(ended.stdout);
  const how =
    ended.exitCode === undefined
      ? (ended.signal ?? ended.code ?? "no exit code")
      : `exit code ${ended.exitCode}`;
  return { kind: "refused", problem: { source, detail: said === "" ? how : `${said} (${how})` } };
}

// The output of a helper that ended well holds the secret: not a word of it goes into the problem.
function readOutput(source: string, stdout: string): HelperAnswer {
  const parsed = helperOutput.safeParse(parseJson(stdout));
  if (!parsed.success)
    return { kind: "refused", problem: { source, detail: "its answer is not the JSON of a credential" } };
  const { Username: username, Secret: secret } = parsed.data;
  const isToken = username === "<token>";
  const credential = credentialOf(source, {
    username: isToken ? undefined : username,
    password: isToken ? undefined : secret,
    identityToken: isToken ? secret : undefined,
    registryToken: undefined,
  });
  return credential === undefined ? { kind: "answered" } : { kind: "answered", credential };
}

function firstLine(text: string): string {
  return (text.trim().split("\n")[0] ?? "").trim().slice(0, 200);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
