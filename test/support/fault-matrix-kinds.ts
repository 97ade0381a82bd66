/** What a request of the distribution API is for: what the table of faults is grouped by. */
export type RequestKind =
  /** Sent before the registry has asked for a login. */
  | "any, before the login"
  | "GET token"
  | "GET /v2/"
  | `${"GET" | "HEAD" | "PUT" | "DELETE"} ${"manifest" | "tag"}`
  | `${"GET" | "HEAD" | "DELETE"} blob`
  | "GET tags"
  | "GET referrers"
  | "POST mount"
  | "POST upload"
  | `${"GET" | "PATCH" | "PUT" | "DELETE"} upload`
  | "other";

interface Request {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
}

const KINDS: readonly (readonly [RegExp, (request: Request) => string])[] = [
  [/^\/token$/, () => "GET token"],
  [/^\/v2\/$/, () => "GET /v2/"],
  [/\/manifests\/[a-z0-9]+:[0-9a-f]+$/, ({ method }) => `${method} manifest`],
  [/\/manifests\/[^/]+$/, ({ method }) => `${method} tag`],
  [/\/blobs\/uploads\/$/, ({ query }) => (query.has("mount") ? "POST mount" : "POST upload")],
  [/\/blobs\/uploads\/[^/]+$/, ({ method }) => `${method} upload`],
  [/\/blobs\/[^/]+$/, ({ method }) => `${method} blob`],
  [/\/tags\/list$/, () => "GET tags"],
  [/\/referrers\/[^/]+$/, () => "GET referrers"],
];

/** Sorts a request by its method and path. */
export function kindOf(request: Request): RequestKind {
  const [, name] = KINDS.find(([pattern]) => pattern.test(request.path)) ?? [];
  return (name?.(request) ?? "other") as RequestKind;
}
