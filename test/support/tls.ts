import { readFile } from "node:fs/promises";

/** The certificate for 127.0.0.1 and its key that only tests use; nobody vouches for it but a test that says so. */
export async function testCertificate(): Promise<{ readonly key: string; readonly cert: string }> {
  const folder = new URL("../../fixtures/tls/", import.meta.url);
  const [key, cert] = await Promise.all([
    readFile(new URL("key.pem", folder), "utf8"),
    readFile(new URL("cert.pem", folder), "utf8"),
  ]);
  return { key, cert };
}
