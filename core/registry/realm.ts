import { BlockList, isIP } from "node:net";

/** The registry that sent a challenge: its own host[:port], and whether it is spoken to in plain HTTP. */
export interface ChallengeOrigin {
  readonly host: string;
  readonly plainHttp: boolean;
}

const inward = new BlockList();
for (const [network, prefix] of [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.168.0.0", 16],
] as const)
  inward.addSubnet(network, prefix, "ipv4");
inward.addAddress("::", "ipv6");
inward.addAddress("::1", "ipv6");
inward.addSubnet("fc00::", 7, "ipv6");
inward.addSubnet("fe80::", 10, "ipv6");

/**
 * May a token be fetched from here, and credentials be sent along? A registry chooses this address, so it must not be able
 * to point us at plain HTTP or into the network that we run in, other than at itself.
 */
export function realmAllowed(realm: URL, origin: ChallengeOrigin): boolean {
  if (realm.protocol !== "https:" && !(realm.protocol === "http:" && origin.plainHttp)) return false;
  if (realm.username !== "" || realm.password !== "") return false;
  return !isInward(realm.hostname) || sameHost(realm, origin.host);
}

/** Is this host (as a URL spells it) this very machine: localhost, 127.0.0.0/8 or ::1? */
export function isLoopback(hostname: string): boolean {
  const host = bare(hostname);
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

// Hosts are compared as URLs, so that default ports, letter case and spellings of IPv6 do not matter.
function sameHost(realm: URL, host: string): boolean {
  return (
    URL.canParse(`${realm.protocol}//${host}`) && new URL(`${realm.protocol}//${host}`).host === realm.host
  );
}

/** Is this host (as a URL spells it) an address of this machine, or of a private network? */
export function isInward(hostname: string): boolean {
  const host = bare(hostname);
  if (host === "localhost" || host.endsWith(".localhost")) return true;
  const family = isIP(host);
  return family !== 0 && inward.check(host, family === 4 ? "ipv4" : "ipv6");
}

function bare(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "");
}
