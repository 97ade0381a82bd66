import { installCommand, type PackageFamily } from "../host/distribution.ts";

/** What to do about it, by what the daemon (or rootlesskit before it) said last. */
const REMEDIES: readonly {
  readonly said: RegExp;
  readonly mend: string | ((family: PackageFamily) => string);
}[] = [
  { said: /failed to find runc binary/, mend: (family) => installCommand("runc", family) },
  { said: /no space left on device/, mend: "make room on the disk, or prune BuildKit's cache" },
  { said: /another instance running/, mend: "buildx-plan setup --stop" },
  {
    said: /newuidmap|newgidmap|subuid|subgid|no subuid ranges/,
    mend: (family) => `as root: ${installCommand("rootless", family)}`,
  },
  {
    // Ubuntu forbids user namespaces to programs without an AppArmor profile.
    said: /(rootlesskit|fork\/exec \/proc\/self\/exe).*(operation not permitted|permission denied)/,
    mend: "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0 user.max_user_namespaces=28633",
  },
  {
    said: /operation not permitted|permission denied/,
    mend: "run where BuildKit may mount: as root on the host, or in a container with --privileged",
  },
];

/** Reads a daemon's log for what would mend it; without a known cause the doctor is the next step. */
export function remedyFor(log: readonly string[], family: PackageFamily): string {
  const known = REMEDIES.find(({ said }) => log.some((line) => said.test(line)));
  if (known === undefined) return "buildx-plan doctor";
  return typeof known.mend === "string" ? known.mend : known.mend(family);
}
