import { createHash } from "node:crypto";
import { join } from "node:path";
import { execa } from "execa";
import { temporaryFolder } from "../support/registry-rig.ts";
import { testTool } from "../support/tools.ts";

/** The digest that each common client sees under a name; they must agree, or what was written is not for everyone. */
export async function digestsSeenBy(host: string, name: string): Promise<Readonly<Record<string, string>>> {
  const reference = `${host}/${name}`;
  const [crane, regctl, oras, skopeo] = await Promise.all([
    output("crane", ["digest", "--insecure", reference]),
    output("regctl", ["image", "digest", reference, ...plain(host)]),
    output("oras", ["resolve", "--plain-http", reference]),
    output("skopeo", ["inspect", "--raw", "--tls-verify=false", `docker://${reference}`]),
  ]);
  const raw = createHash("sha256").update(skopeo).digest("hex");
  return {
    crane: crane.toString().trim(),
    regctl: regctl.toString().trim(),
    oras: oras.toString().trim(),
    skopeo: `sha256:${raw}`,
  };
}

/** Every client pulls all of an image into a layout of its own. @throws with the client's words where one cannot */
export async function pullWithAll(host: string, name: string): Promise<void> {
  const reference = `${host}/${name}`;
  const folder = await temporaryFolder();
  await output("crane", ["pull", "--insecure", "--format=oci", reference, join(folder, "crane")]);
  await output("regctl", [
    "image",
    "copy",
    reference,
    `ocidir://${join(folder, "regctl")}:pulled`,
    ...plain(host),
  ]);
  await output("oras", [
    "cp",
    "--from-plain-http",
    "--to-oci-layout",
    reference,
    `${join(folder, "oras")}:pulled`,
  ]);
  const source = ["--src-tls-verify=false", `docker://${reference}`];
  await output("skopeo", [
    "--insecure-policy",
    "copy",
    "--all",
    ...source,
    `oci:${join(folder, "skopeo")}:pulled`,
  ]);
  await output("crane", ["validate", "--insecure", "--remote", reference]);
}

/** Attaches a small artifact to an image, as signing tools do, and answers the digest of its manifest. */
export async function attach(host: string, name: string): Promise<string> {
  const folder = await temporaryFolder();
  const text = await output(
    "oras",
    [
      "attach",
      "--plain-http",
      "--format=json",
      "--artifact-type=application/vnd.example.note",
      "--annotation=org.example.note=kept",
      `${host}/${name}`,
    ],
    folder,
  );
  const { digest }: { digest: string } = JSON.parse(text.toString());
  return digest;
}

/**
 * The digests of what refers to an image, as oras and regctl list them. Where a registry `refuses` the referrers API instead of not
 * knowing it, oras has to be told to ask for the fallback tag.
 */
export async function referrersSeenBy(
  host: string,
  name: string,
  { refuses }: { readonly refuses: boolean },
): Promise<Readonly<Record<string, readonly string[]>>> {
  const reference = `${host}/${name}`;
  const way = refuses ? ["--distribution-spec=v1.1-referrers-tag"] : [];
  const discovered = await output("oras", ["discover", "--plain-http", "--format=json", ...way, reference]);
  const listed = await output("regctl", [
    "artifact",
    "list",
    reference,
    "--format={{range .Descriptors}}{{println .Digest}}{{end}}",
    ...plain(host),
  ]);
  const { referrers = [] }: { referrers?: readonly { digest: string }[] } = JSON.parse(discovered.toString());
  return {
    oras: referrers.map(({ digest }) => digest),
    regctl: listed
      .toString()
      .split("\n")
      .filter((line) => line !== ""),
  };
}

function plain(host: string): string[] {
  return ["--host", `reg=${host},tls=disabled`];
}

async function output(tool: string, argv: readonly string[], cwd?: string): Promise<Buffer> {
  const { stdout } = await execa(await testTool(tool), argv, {
    encoding: "buffer",
    stripFinalNewline: false,
    ...(cwd === undefined ? {} : { cwd }),
  });
  return Buffer.from(stdout);
}
