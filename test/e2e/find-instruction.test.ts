import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, inject, onTestFinished, test } from "vitest";
import { openBuildKit } from "../../core/buildkit/client.ts";
import { findInstruction } from "../../core/dockerfile/find-instruction.ts";
import { position, type SourceFile } from "../../core/plan/source.ts";
import { ROOT } from "../support/rig.ts";
import { build, node, platform } from "../support/make.ts";

const TEXT = `FROM scratch AS base
ARG TARGETARCH
COPY --from=busybox \${TARGETARCH}/busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
FROM base AS other
RUN echo other > /other
FROM base
ARG NAME=x
ARG TEXT="two words"
WORKDIR srv
COPY --chmod=644 \\
    # the list itself
    app.Dockerfile "/list-$NAME"
RUN echo a \\
    # and b
    && echo   b
RUN cd / && echo a && echo   b
COPY <<one <<two /files/
1
one
2
two
RUN <<EOF
# a comment
echo heredoc
EOF
RUN <<SCRIPT
#!/bin/sh
echo script
SCRIPT
RUN cat <<IN > /in
in
IN
SHELL ["/bin/sh", "-e", "-c"]
RUN echo shell
ADD app.Dockerfile /added/
COPY --from=other /other /other
`;

/** Builds for linux/amd64, and answers what the image's history says of its layers. */
async function historyOf(text: string): Promise<readonly string[]> {
  const { address, buildctl } = inject("buildkit");
  const folder = await mkdtemp(join(tmpdir(), "history-"));
  const here = node("real", ["linux/amd64"]);
  const connections = [{ node: here, daemon: { address }, close: async () => {} }];
  const buildkit = openBuildKit({ connections, buildctl, env: process.env });
  onTestFinished(async () => {
    await buildkit.close();
    await rm(folder, { recursive: true, force: true });
  });
  const dockerfile = join(folder, "app.Dockerfile");
  await writeFile(dockerfile, text);
  await cp(join(ROOT, ".demo/busybox"), join(folder, "busybox"), { recursive: true });
  const asked = build({
    context: { kind: "local", path: folder },
    dockerfile,
    contexts: { busybox: { kind: "local", path: join(folder, "busybox") } },
    repositories: [],
  });
  const { signal } = new AbortController();
  const request = {
    node: here,
    platform: platform("linux/amd64"),
    build: asked,
    image: { kind: "layout" },
  } as const;
  const result = await buildkit.solve(request, () => {}, signal);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  const layout = result.value.file?.path ?? "";
  const blob = async (digest: string): Promise<Document> =>
    JSON.parse(await readFile(join(layout, "blobs", digest.replace(":", "/")), "utf8"));
  const manifest = await blob(result.value.digest ?? "");
  const { history = [] } = await blob(manifest.config?.digest ?? "");
  return history.flatMap((each) => (each.empty_layer === true ? [] : [each.created_by]));
}

interface Document {
  readonly config?: { readonly digest: string };
  readonly history?: readonly { readonly created_by: string; readonly empty_layer?: boolean }[];
}

test("every layer that BuildKit makes is led back to its line", async () => {
  const source: SourceFile = { path: "app.Dockerfile", text: TEXT };
  const history = await historyOf(TEXT);
  const lines = history.map((createdBy) => {
    const found = findInstruction(source, createdBy);
    return found && position(source, found.range.start).line;
  });
  expect(lines).toEqual([3, 4, 10, 11, 14, 17, 18, 23, 27, 31, 35, 36, 37]);
});
