/** What a request of the distribution API is for, `PUT tag` for instance: what the table of faults is grouped by. */
export type RequestKind = string;

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
  return name?.(request) ?? "other";
}
