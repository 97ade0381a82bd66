/** What the predefined annotation keys of OCI begin with. */
export const METADATA_PREFIX = "org.opencontainers.image.";

/** Those that change with every commit. */
export const CHANGING_KEYS: ReadonlySet<string> = new Set(
  ["revision", "created", "version"].map((name) => `${METADATA_PREFIX}${name}`),
);

/** The keys that a repository can give a value for. */
export const METADATA_KEYS: readonly string[] = [
  ...["title", "source", "url", "licenses"].map((name) => `${METADATA_PREFIX}${name}`),
  ...CHANGING_KEYS,
];
