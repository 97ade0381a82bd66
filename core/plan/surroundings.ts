import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { METADATA_KEYS } from "./metadata-keys.ts";
import type { EventPayload, Fact } from "./ref-facts.ts";

/*
 * Small files around a plan that say what it is a plan of. None of them is needed: what cannot be read says nothing.
 */

type Env = Readonly<Record<string, string | undefined>>;

/** Larger ones are not looked at. An event of GitHub has 25 MiB at most, and few have more than some kilobytes. */
const MAX_BYTES = 4 * 1024 * 1024;

/** Reads of GitHub's event what none of its variables says. */
export function readEvent(env: Env): EventPayload {
  const path = env["GITHUB_ACTIONS"] === "true" ? env["GITHUB_EVENT_PATH"] : undefined;
  const event = path === undefined || path === "" ? undefined : parse(readSmall(path));
  const number = property(event, "number");
  const defaultBranch = property(property(event, "repository"), "default_branch");
  return {
    ...(typeof number === "number" && Number.isSafeInteger(number) && { number }),
    ...(typeof defaultBranch === "string" && defaultBranch !== "" && { defaultBranch }),
  };
}

/** The license that the package in the plan's folder says it has, where it is an SPDX expression. */
export function readLicenses(directory: string): Fact | undefined {
  const license = property(parse(readSmall(join(directory, "package.json"))), "license");
  if (typeof license !== "string" || license === "UNLICENSED" || !SPDX.test(license)) return undefined;
  return { value: license, from: "package.json" };
}

// `SEE LICENSE IN file` is npm's own, and no expression.
const SPDX = /^(?!SEE LICENSE)[A-Za-z0-9.+() -]{1,200}$/;

/** The predefined labels that a Dockerfile names anywhere but in a comment. Each file is read once. */
export function createLabelsReader(): (dockerfile: string) => ReadonlySet<string> {
  const known = new Map<string, ReadonlySet<string>>();
  return (dockerfile) => {
    const found = known.get(dockerfile) ?? labelsIn(readSmall(dockerfile) ?? "");
    known.set(dockerfile, found);
    return found;
  };
}

function labelsIn(text: string): ReadonlySet<string> {
  const code = text.replaceAll(/^\s*#.*$/gm, "");
  return new Set(METADATA_KEYS.filter((key) => code.includes(key)));
}

function readSmall(path: string): string | undefined {
  try {
    const found = statSync(path);
    return found.isFile() && found.size <= MAX_BYTES ? readFileSync(path, "utf8") : undefined;
  } catch {
    return undefined;
  }
}

function parse(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text);
  } catch {
    return undefined;
  }
}

function property(value: unknown, key: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, key)
    ? Object.entries(value).find(([name]) => name === key)?.[1]
    : undefined;
}
