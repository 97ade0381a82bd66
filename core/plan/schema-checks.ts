import * as z from "zod/mini";
import { described, duration, maybe, name, text } from "./schema-parts.ts";

/* The keys of what must hold before tags move: preflight, verification, tests, scans, signatures. */

const severity = z.enum(["low", "medium", "high", "critical"]);

/** Of the whole plan. */
export const check = maybe(
  z.strictObject({
    ignore: maybe(
      z.array(text),
      "Rules of `check` whose findings are left out, `literal-architecture` for instance.",
    ),
  }),
  "Preflight checks: what `check` tells, and `build` before it builds.",
);

/** Of an image or one of its platforms. */
export const test = described(
  z.union([
    text,
    z.array(z.string()).check(z.minLength(1)),
    z.strictObject({
      command: described(
        z.union([text, z.array(z.string()).check(z.minLength(1))]),
        "A line for the image's shell, or a list: the program and its arguments, without a shell.",
      ),
      timeout: maybe(duration, "Longest time that it may take, fetching the image included. Default: `5m`."),
      "exit-code": maybe(z.int().check(z.minimum(0), z.maximum(255)), "What it must end with. Default: 0."),
      output: maybe(text, "Text that its output (stdout and stderr) must hold, as it is."),
    }),
  ]),
  "Command that must succeed in each variant after it is pushed and before its tags move: a list (no shell), or a line for " +
    "the image's shell. It has the image's user, folder and environment; the entrypoint is not put before it.",
);

/** Of an image. */
export const verify = maybe(
  z.union([
    z.enum(["error", "warn", "off"]),
    z.strictObject({
      content: maybe(
        z.enum(["error", "warn", "off"]),
        "Programs for another platform stop the release (error, default), are reported (warn), or are not looked for (off).",
      ),
      ignore: maybe(
        z.array(text),
        "Globs of absolute paths in the image that are not looked at: `/opt/toolchains/**`.",
      ),
    }),
  ]),
  "How the content of the image is checked against its platform before its tags move.",
);

/** Of an image. */
export const scan = maybe(
  z.strictObject({
    "fail-on": described(severity, "Vulnerabilities of this severity or above stop the release."),
    "only-fixed": maybe(z.boolean(), "true: only those count that a newer version of the package mends."),
    ignore: maybe(z.array(text), "Ids of vulnerabilities that are known and accepted: `CVE-2024-1234`."),
    source: maybe(
      z.enum(["osv-scanner", "grype", "trivy", "docker-scout", "osv-api", "osv-database"]),
      "Who looks for vulnerabilities. Default: the first of these that is there.",
    ),
    database: maybe(text, "Folder with an offline database of OSV, inside the plan's folder."),
  }),
  "Scan each variant for known vulnerabilities before its tags move.",
);

/** Of an image. */
export const sign = maybe(
  z.union([
    z.literal("keyless"),
    z.strictObject({
      key: maybe(
        text,
        "Private key: a file inside the plan's folder, or the URI of a key management service.",
      ),
      "key-env": maybe(name, "Environment variable that holds the private key."),
      "password-env": maybe(name, "Environment variable that holds the key's password."),
      "public-key": maybe(
        text,
        "File with the public key that the signature is verified with. Default: the key's own.",
      ),
      identity: maybe(
        text,
        "Without a key: who the certificate must name as the signer, letter by letter; with `issuer`.",
      ),
      issuer: maybe(text, "Without a key: who must have vouched for the signer; with `identity`."),
      "transparency-log": maybe(
        z.boolean(),
        "false: the signature is not entered into the transparency log. Needs a key.",
      ),
    }),
  ]),
  "Sign the index and its images with cosign before the tags move: `keyless`, or with a key.",
);
