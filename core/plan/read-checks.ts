import { parseDuration } from "./duration.ts";
import { numberOf, rangeOf, textOf, textsOf } from "./fields.ts";
import type { ScanGate, VerifySettings } from "./plan.ts";
import type { Problems } from "./problems.ts";
import type { Range } from "./source.ts";
import { child } from "./tree.ts";
import type { Value } from "./tree.ts";
import type { WrittenScan, WrittenSign, WrittenTest, WrittenVerify } from "./written.ts";

/** Reads what must hold before tags move, each in its one form. */

// Longer than setTimeout can wait, which would make it no time at all.
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** Reads the time limit of a key; one that cannot be is reported. */
export function readLimit(
  key: "timeout" | "stall",
  value: Value | undefined,
  problems: Problems,
): number | undefined {
  const text = textOf(child(value, key));
  const timeoutMs = text && parseDuration(text.value);
  if (text === undefined || timeoutMs === undefined) return undefined;
  if (timeoutMs > 0 && timeoutMs <= MAX_TIMEOUT_MS) return timeoutMs;
  problems.error(rangeOf(text), `\`${key}\` must be longer than nothing and shorter than 24 days`);
  return undefined;
}

/** `[program, argument]`, a line, or a map with either as its `command`. */
export function readTest(value: Value | undefined, problems: Problems): WrittenTest | undefined {
  if (value === undefined) return undefined;
  const command = value.kind === "map" ? child(value, "command") : value;
  const line = textOf(command);
  const timeoutMs = readLimit("timeout", value, problems);
  const exitCode = numberOf(child(value, "exit-code"));
  const output = textOf(child(value, "output"));
  return {
    range: value.range,
    ...(line && { line }),
    ...(command?.kind === "list" && { argv: textsOf(command) }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...(exitCode !== undefined && { exitCode }),
    ...(output && { output }),
  };
}

const CONTENT: ReadonlyMap<string, VerifySettings["content"]> = new Map([
  ["error", "error"],
  ["warn", "warn"],
  ["off", "off"],
]);

/** `off`, or a map. */
export function readVerify(value: Value | undefined): WrittenVerify | undefined {
  if (value === undefined) return undefined;
  const content = CONTENT.get((textOf(value) ?? textOf(child(value, "content")))?.value ?? "");
  return { ...(content && { content }), ignore: textsOf(child(value, "ignore")) };
}

const SEVERITIES: ReadonlyMap<string, ScanGate["failOn"]> = new Map([
  ["low", "low"],
  ["medium", "medium"],
  ["high", "high"],
  ["critical", "critical"],
]);

/** Reads the gate of a scan; `range` is that of its key. */
export function readScan(value: Value | undefined, range: Range): WrittenScan | undefined {
  const failOn = SEVERITIES.get(textOf(child(value, "fail-on"))?.value ?? "");
  if (value === undefined || failOn === undefined) return undefined;
  const source = textOf(child(value, "source"))?.value;
  const database = textOf(child(value, "database"));
  return {
    range,
    failOn,
    onlyFixed: isTrue(child(value, "only-fixed")) ?? false,
    ignore: textsOf(child(value, "ignore")),
    ...(source !== undefined && { source }),
    ...(database && { database }),
  };
}

/** `keyless`, or a map; `range` is that of its key. */
export function readSign(value: Value | undefined, range: Range): WrittenSign | undefined {
  if (value === undefined || (value.kind !== "map" && textOf(value)?.value !== "keyless")) return undefined;
  const text = (name: string) => textOf(child(value, name));
  const [key, keyEnv, passwordEnv] = [text("key"), text("key-env"), text("password-env")];
  const [publicKey, identity, issuer] = [text("public-key"), text("identity"), text("issuer")];
  return {
    range,
    keyless: key === undefined && keyEnv === undefined,
    ...(key && { key }),
    ...(keyEnv && { keyEnv }),
    ...(passwordEnv && { passwordEnv }),
    ...(publicKey && { publicKey }),
    ...(identity && { identity }),
    ...(issuer && { issuer }),
    transparencyLog: isTrue(child(value, "transparency-log")) ?? true,
  };
}

function isTrue(value: Value | undefined): boolean | undefined {
  return value?.kind === "scalar" && typeof value.data === "boolean" ? value.data : undefined;
}
