import { isInward, type ChallengeOrigin } from "./realm.ts";

/**
 * Where a registry's `Location` leads, or undefined where it must not be followed: not from HTTPS to plain HTTP, not with
 * credentials in it, and not from a registry elsewhere into the network that we run in. A registry behind a proxy that ends
 * TLS may not know that it is spoken to by HTTPS: its own name by HTTP stands for itself.
 */
export function followLocation(
  location: string | undefined,
  from: URL,
  registry: ChallengeOrigin,
): URL | undefined {
  if (location === undefined || location === "" || !URL.canParse(location, from.href)) return undefined;
  const named = new URL(location, from);
  if (named.username !== "" || named.password !== "") return undefined;
  const to = withoutDowngrade(named, from);
  if (to.protocol !== "https:" && !(to.protocol === "http:" && from.protocol === "http:")) return undefined;
  const isOwn = to.host === from.host;
  const isOutside = !isInward(new URL(`${from.protocol}//${registry.host}`).hostname);
  return isOutside && !isOwn && isInward(to.hostname) ? undefined : to;
}

function withoutDowngrade(to: URL, from: URL): URL {
  const isDowngrade = from.protocol === "https:" && to.protocol === "http:";
  if (!isDowngrade || to.hostname !== from.hostname || (to.port !== "" && to.port !== from.port)) return to;
  const own = new URL(to);
  own.protocol = "https:";
  own.port = from.port;
  return own;
}
