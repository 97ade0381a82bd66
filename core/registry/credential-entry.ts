import * as z from "zod/mini";
import { fail, ok, type Result } from "../result.ts";

/**
 * What a registry or its token server is to be given, and where it was found. Several fields may be set at once: a token is
 * preferred to a password, and a registry token (sent as it is) to an identity token (exchanged at the token server).
 */
export interface Credential {
  /** Path of the file, name of the helper, or `DOCKER_AUTH_CONFIG`: what to name when it is refused. */
  readonly source: string;
  readonly username?: string;
  readonly password?: string;
  readonly identityToken?: string;
  readonly registryToken?: string;
}

/** A place of credentials that could not be used, and why; never with the credential itself. */
export interface CredentialProblem {
  readonly source: string;
  readonly detail: string;
}

const authEntry = z.object({
  auth: z.optional(z.string()),
  username: z.optional(z.string()),
  password: z.optional(z.string()),
  identitytoken: z.optional(z.string()),
  registrytoken: z.optional(z.string()),
});

/**
 * Reads one value of a Docker config file's `auths`. `auth` (base64 of `user:password`) wins over the spelled-out pair.
 * An entry that says nothing is undefined: the file only remembers that someone logged in.
 * @see https://github.com/docker/cli/blob/master/cli/config/types/authconfig.go
 */
export function parseAuthEntry(
  entry: unknown,
  source: string,
): Result<Credential | undefined, CredentialProblem> {
  const parsed = authEntry.safeParse(entry);
  if (!parsed.success) return fail({ source, detail: "an entry of auths is not as Docker writes it" });
  const { auth, username, password, identitytoken, registrytoken } = parsed.data;
  const pair = auth ? decodePair(auth) : { username, password };
  if (pair === undefined)
    return fail({ source, detail: "the auth field is not base64 of username:password" });
  const credential = credentialOf(source, {
    ...pair,
    identityToken: identitytoken,
    registryToken: registrytoken,
  });
  return ok(credential);
}

/** Makes a credential of what is not empty, or undefined where all is. */
export function credentialOf(
  source: string,
  parts: Readonly<Record<"username" | "password" | "identityToken" | "registryToken", string | undefined>>,
): Credential | undefined {
  const credential: Credential = {
    source,
    ...(parts.username ? { username: parts.username } : {}),
    ...(parts.password ? { password: parts.password } : {}),
    ...(parts.identityToken ? { identityToken: parts.identityToken } : {}),
    ...(parts.registryToken ? { registryToken: parts.registryToken } : {}),
  };
  return Object.keys(credential).length > 1 ? credential : undefined;
}

function decodePair(auth: string): { readonly username: string; readonly password: string } | undefined {
  if (!/^[A-Za-z0-9+/]+={0,2}$/.test(auth)) return undefined;
  const text = Buffer.from(auth, "base64").toString("utf8");
  const colon = text.indexOf(":");
  if (colon < 0) return undefined;
  // Docker pads passwords with NUL bytes in some versions and drops them when it reads.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, "") };
}
