import { fetch, ProxyAgent, type Response } from "undici";
import { proxyFor } from "./proxy.ts";

/** For downloads that are no registry's: `fetch` by the same proxies as the registry client's. */
export function proxiedFetch(env: Readonly<Record<string, string | undefined>>) {
  return async (
    url: string,
    options: { headers: Record<string, string>; signal: AbortSignal; method?: "POST"; body?: string },
  ): Promise<Response> => {
    const proxy = proxyFor(new URL(url), env);
    return await fetch(url, {
      ...options,
      ...(proxy === undefined ? {} : { dispatcher: new ProxyAgent(proxy) }),
    });
  };
}
