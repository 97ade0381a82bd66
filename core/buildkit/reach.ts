/** What is needed to look at daemons. */
export interface Reach {
  readonly buildctl: string;
  /** How buildx is called, `["docker", "buildx"]`. */
  readonly buildx: readonly [string, ...string[]];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
}
