import * as z from "zod/mini";
import { hasCode, invalid, scopeOf, statusOf, type Access } from "./access.ts";
import { jsonOf, MAX_PAGE_BYTES, readPages } from "./pages.ts";
import type { Call, Called } from "./requester.ts";
import type { RegistryFailure } from "./registry-failure.ts";
import { ok, type Result } from "../result.ts";

const tagList = z.object({ tags: z.nullish(z.array(z.string().check(z.regex(/^\w[\w.-]{0,127}$/)))) });

/** Lists all tags of a repository; one that is not there has none. */
export async function listTags(
  access: Access,
  signal: AbortSignal | undefined,
): Promise<Result<readonly string[], RegistryFailure>> {
  const { repository, writes } = access;
  const first: Call = {
    method: "GET",
    path: `/v2/${repository.path}/tags/list`,
    repository: repository.path,
    scope: scopeOf(repository, writes),
    headers: { accept: "application/json" },
    maxBytes: MAX_PAGE_BYTES,
    signal,
  };
  const tags = await readPages(access, first, tagsOf);
  if (tags.ok) return ok([...new Set(tags.value)]);
  const isAbsent =
    statusOf(tags.error) === 404 && hasCode(tags.error, "NAME_UNKNOWN", "NOT_FOUND", "MANIFEST_UNKNOWN");
  return isAbsent ? ok([]) : tags;
}

// A tag that is none is not left out: whoever cleans up must know all of them, or know that it does not.
function tagsOf(called: Called): Result<readonly string[], RegistryFailure> {
  const read = tagList.safeParse(jsonOf(called));
  return read.success ? ok(read.data.tags ?? []) : invalid(called, "the answer is no list of tags");
}
