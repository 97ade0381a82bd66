import { isRuleId, RULES } from "../findings/rules.ts";
import { nearest } from "./nearest.ts";
import { usePath } from "./paths.ts";
import { complain, resolveText, resolveTexts } from "./place.ts";
import type { Place, PlanPlace } from "./place.ts";
import type { CheckSettings, ScanGate, SignSettings, SmokeTest, VerifySettings } from "./plan.ts";
import type { Text, WrittenScan, WrittenSign, WrittenTest, WrittenVerify } from "./written.ts";

/** Resolves what must hold before tags move. */

/** Rules that findings are ignored of; one that is not known is reported. */
export function resolveIgnoredRules(texts: readonly Text[], place: Place): CheckSettings {
  for (const text of texts) {
    if (isRuleId(text.value)) continue;
    const meant = nearest(text.value, Object.keys(RULES));
    const hint = meant === undefined ? "`buildx-plan explain` lists them" : `Did you mean \`${meant}\`?`;
    complain(text, `There is no rule \`${text.value.slice(0, 80)}\``, hint, place);
  }
  return { ignore: texts.map(({ value }) => value) };
}

const DEFAULT_TIMEOUT_MS = 5 * 60_000;

/** The test of one variant. */
export function resolveTest(test: WrittenTest | undefined, place: PlanPlace): SmokeTest | undefined {
  if (test === undefined) return undefined;
  const output = resolveText(test.output, place)?.value;
  return {
    command: test.argv === undefined ? lineOf(test.line, place) : programOf(test.argv, place),
    timeoutMs: test.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    exitCode: test.exitCode ?? 0,
    ...(output !== undefined && { output }),
    location: { file: place.file, range: test.range },
  };
}

// What BuildKit reads has lines of 64 KiB at most, and a character may take six bytes of them.
const MAX_COMMAND_CHARACTERS = 10_000;

function programOf(texts: readonly Text[], place: Place): SmokeTest["command"] {
  const resolved = resolveTexts(texts, place);
  const [program] = resolved;
  if (program?.value === "") complain(program.text, "A test needs a program to start", undefined, place);
  for (const { value, text } of resolved) {
    if (value.includes("\0")) complain(text, "No argument can hold a NUL character", undefined, place);
  }
  const argv = resolved.map(({ value }) => value);
  if (program !== undefined) checkLength(argv.join(" ").length, program.text, place);
  return { kind: "exec", argv };
}

function lineOf(text: Text | undefined, place: Place): SmokeTest["command"] {
  // A block of YAML ends with a line break.
  const line = (resolveText(text, place)?.value ?? "").trim();
  if (text === undefined) return { kind: "shell", line };
  if (line === "") complain(text, "A test needs a command", undefined, place);
  if (/[\r\n\0]/.test(line))
    complain(
      text,
      "A test is one line: of several, the shell would tell only how the last one ended",
      "Join them with `&&`, or put a script into the image",
      place,
    );
  checkLength(line.length, text, place);
  return { kind: "shell", line };
}

function checkLength(length: number, text: Text, place: Place): void {
  if (length > MAX_COMMAND_CHARACTERS)
    complain(
      text,
      `A test has ${MAX_COMMAND_CHARACTERS} characters at most`,
      "Put a script into the image",
      place,
    );
}

/** How content is verified: strictly where nothing is said. */
export function resolveVerify(verify: WrittenVerify | undefined, place: Place): VerifySettings {
  const ignore = resolveTexts(verify?.ignore ?? [], place);
  for (const { value, text } of ignore) {
    if (!value.startsWith("/"))
      complain(text, "Paths in an image are absolute", `Write \`/${value.slice(0, 80)}\``, place);
  }
  return { content: verify?.content ?? "error", ignore: ignore.map(({ value }) => value) };
}

/** The gate of a scan. */
export function resolveScan(scan: WrittenScan | undefined, place: PlanPlace): ScanGate | undefined {
  if (scan === undefined) return undefined;
  const database = resolveText(scan.database, place);
  const path =
    database && usePath(database.value, database.text, { kind: "folder", role: "database" }, place.paths);
  return {
    failOn: scan.failOn,
    onlyFixed: scan.onlyFixed,
    ignore: resolveTexts(scan.ignore, place).map(({ value }) => value),
    ...(scan.source !== undefined && { source: scan.source }),
    ...(path !== undefined && { database: path }),
    location: { file: place.file, range: scan.range },
  };
}

/** Key management services that cosign knows, by the scheme of their URIs. */
const KEY_URI = /^(?:awskms|gcpkms|azurekms|hashivault|k8s|pkcs11|gitlab|github):/;

/** How a release is signed. */
export function resolveSign(sign: WrittenSign | undefined, place: PlanPlace): SignSettings | undefined {
  if (sign === undefined) return undefined;
  const value = (text: Text | undefined) => resolveText(text, place)?.value;
  const publicKey = fileOf(sign.publicKey, "public key", place);
  const [passwordEnv, identity, issuer] = [value(sign.passwordEnv), value(sign.identity), value(sign.issuer)];
  if (sign.key && sign.keyEnv)
    complain(sign.keyEnv, "A key is given twice", "Keep one of `key` and `key-env`", place);
  (sign.keyless ? checkKeyless : checkKeyed)(sign, place);
  return {
    key: keyOf(sign, place),
    ...(publicKey !== undefined && { publicKey }),
    ...(passwordEnv !== undefined && { passwordEnv }),
    ...(identity !== undefined && { identity }),
    ...(issuer !== undefined && { issuer }),
    transparencyLog: sign.transparencyLog,
    location: { file: place.file, range: sign.range },
  };
}

function checkKeyed({ identity, issuer }: WrittenSign, place: Place): void {
  const whoever = identity ?? issuer;
  if (whoever !== undefined)
    complain(whoever, "With a key there is no identity", "Remove it, or the key", place);
}

function checkKeyless(sign: WrittenSign, place: Place): void {
  const { identity, issuer, transparencyLog, range } = sign;
  const ofKey = sign.publicKey ?? sign.passwordEnv;
  if (ofKey !== undefined)
    complain(ofKey, "There is no key that this belongs to", "Give `key` or `key-env`, or remove it", place);
  const one = identity ?? issuer;
  if (one !== undefined && (identity === undefined || issuer === undefined))
    complain(one, "Who signs is said by `identity` and `issuer` together", "Give both, or neither", place);
  if (one === undefined)
    place.problems.warning(range, "The signature will be verified, but not who made it", {
      hint: "Give `identity` and `issuer`: what the certificate must say of the signer",
    });
  // The certificate is good for minutes: later, only the log tells that the signature was made then.
  if (!transparencyLog)
    place.problems.error(range, "Without a key, nobody could verify a signature that is in no log", {
      hint: "Give a key, or remove `transparency-log: false`",
    });
}

function keyOf({ key, keyEnv }: WrittenSign, place: PlanPlace): SignSettings["key"] {
  const resolved = resolveText(key, place);
  if (resolved !== undefined && KEY_URI.test(resolved.value)) return { kind: "uri", uri: resolved.value };
  if (resolved?.value.startsWith("env:") === true) {
    complain(resolved.text, "A key is no variable", "Name the variable: `key-env: NAME`", place);
    return { kind: "keyless" };
  }
  const path = fileOf(key, "private key", place);
  if (path !== undefined) return { kind: "file", path };
  const variable = resolveText(keyEnv, place)?.value;
  return variable === undefined ? { kind: "keyless" } : { kind: "env", variable };
}

function fileOf(text: Text | undefined, role: string, place: PlanPlace): string | undefined {
  const resolved = resolveText(text, place);
  return resolved && usePath(resolved.value, resolved.text, { kind: "file", role }, place.paths);
}
