import { BlockList, isIP } from "node:net";
import { isLoopback } from "./realm.ts";

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy that a request to this URL goes through, by HTTP_PROXY, HTTPS_PROXY and NO_PROXY in either case, or undefined.
 * Meanings are those of Go's clients, so that BuildKit and we take the same way: loopback is never proxied, the variable of
 * the URL's own scheme counts, and NO_PROXY knows domains, `host:port`, addresses and CIDR blocks.
 * @see https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config
 */
export function proxyFor(url: URL, env: Env): string | undefined {
  const name = url.protocol === "https:" ? "https_proxy" : "http_proxy";
  const proxy = either(env, name);
  if (!proxy || isLoopback(url.hostname)) return undefined;
  const exempt = (either(env, "no_proxy") ?? "").split(/[\s,]+/).filter((entry) => entry !== "");
  if (exempt.some((entry) => matches(entry.toLowerCase(), url))) return undefined;
  return proxy.includes("://") ? proxy : `http://${proxy}`;
}

function either(env: Env, name: string): string | undefined {
  return env[name] || env[name.toUpperCase()] || undefined;
}

function matches(entry: string, url: URL): boolean {
  if (entry === "*") return true;
  const host = url.hostname.toLowerCase().replace(/^\[|\]$/g, "");
  if (entry.includes("/")) return inBlock(entry, host);
  const { name, port } = splitPort(entry);
  if (port !== undefined && port !== portOf(url)) return false;
  return isIP(name) === 0 ? inDomain(name, host) : name === host;
}

function splitPort(entry: string): { readonly name: string; readonly port?: string } {
  if (isIP(entry) === 6) return { name: entry };
  const [, name = entry, port] = /^(.+):(\d+)$/.exec(entry) ?? [];
  return { name: name.replace(/^\[|\]$/g, ""), ...(port === undefined ? {} : { port }) };
}

// `.example.com` and `*.example.com` are the names below it; `example.com` is itself and the names below.
function inDomain(entry: string, host: string): boolean {
  const domain = entry.replace(/^\*/, "");
  if (domain.startsWith(".")) return host.endsWith(domain);
  return host === domain || host.endsWith(`.${domain}`);
}

function inBlock(entry: string, host: string): boolean {
  const [network = "", prefix = ""] = entry.split("/");
  const family = isIP(network) === 4 ? "ipv4" : "ipv6";
  const bits = Number(prefix);
  if (isIP(network) === 0 || isIP(host) !== isIP(network) || !/^\d{1,3}$/.test(prefix)) return false;
  if (bits > (family === "ipv4" ? 32 : 128)) return false;
  const block = new BlockList();
  block.addSubnet(network, bits, family);
  return block.check(host, family);
}

function portOf(url: URL): string {
  return url.port || (url.protocol === "https:" ? "443" : "80");
}
