import { invalid, type Access } from "./access.ts";
import { followLocation } from "./location.ts";
import type { Call, Called } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { ok, type Result } from "../result.ts";

const MAX_PAGES = 1_000;
/** Cap of one page; registries that know no pages send all at once. */
export const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const MAX_ALL_BYTES = 64 * 1024 * 1024;

/**
 * Reads all pages of a listing, in order. The next one is asked only where the registry itself has it, and what never ends is
 * refused: pages in a circle, or too many of them.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#listing-tags
 */
export async function readPages<T>(
  access: Access,
  first: Call,
  parse: (called: Called) => Result<readonly T[], RegistryFailure>,
): Promise<Result<readonly T[], RegistryFailure>> {
  const entries: T[] = [];
  const seen = new Set<string>();
  let bytes = 0;
  let path: string | undefined = first.path;
  while (path !== undefined) {
    const called = await access.requester.call({ ...first, path });
    if (!called.ok) return called;
    const { answer } = called.value;
    const page = parse(called.value);
    if (!page.ok) return page;
    for (const entry of page.value) entries.push(entry);
    bytes += answer.body.length;
    seen.add(new URL(path, answer.url).href);
    const next = nextPage(called.value, access);
    if (!next.ok) return next;
    if (next.value !== undefined && seen.has(next.value)) return invalid(called.value, "pages in a circle");
    if (seen.size >= MAX_PAGES || bytes > MAX_ALL_BYTES)
      return invalid(called.value, `a listing of more than ${MAX_PAGES} pages or ${MAX_ALL_BYTES} bytes`);
    path = next.value;
  }
  return ok(entries);
}

/** The target of `rel="next"` in a `Link` header, as it is written there. */
export function nextLink(header: string): string | undefined {
  for (const [, target = "", parameters = ""] of header.matchAll(/<([^<>]*)>((?:"[^"]*"|[^",])*)/g))
    if (/;\s*rel\s*=\s*(?:next\b|"(?:[^"]*\s)?next(?:\s[^"]*)?")/i.test(parameters)) return target;
  return undefined;
}

function nextPage(called: Called, access: Access): Result<string | undefined, RegistryFailure> {
  const { answer } = called;
  const link = answer
    .header("link")
    .map((each) => nextLink(each))
    .find((each) => each !== undefined);
  if (link === undefined) return ok(undefined);
  const url = followLocation(link, answer.url, access.requester.challenger());
  const isOwn = url?.origin === answer.url.origin && url.pathname.startsWith("/v2/");
  if (url === undefined || !isOwn) return invalid(called, "a next page that is not the registry's own");
  return ok(url.href);
}

/** A JSON body, or undefined where it is none. */
export function jsonOf({ answer }: Called): unknown {
  try {
    return JSON.parse(Buffer.from(answer.body).toString("utf8"));
  } catch {
    return undefined;
  }
}
