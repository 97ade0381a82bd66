import { describe, expect, test } from "vitest";
import { findInstruction } from "../../../core/dockerfile/find-instruction.ts";
import { position } from "../../../core/plan/source.ts";
import { platform } from "../../support/make.ts";

const TEXT = `FROM golang AS build
RUN make
COPY server /server
FROM debian AS base
RUN apt-get update \\
    # comment
    && apt-get install -y  curl
ENV A=1 B=2
FROM base
ARG TARGETARCH
WORKDIR app
COPY --from=build --chown=1000:1000 /out/server-$TARGETARCH "/server"
COPY ["a b", "c", "/d/"]
COPY <<config /etc/config
x
config
RUN make
RUN cd sub && make
RUN ["/bin/tool", "--flag"]
RUN <<EOF
set -e
echo hi
EOF
RUN <<SCRIPT
#!/usr/bin/env python3
print(1)
SCRIPT
RUN cat <<ONE >/one
1
ONE
ADD https://example.org/x.tar /opt/
RUN make
ENTRYPOINT ["/server"]
`;

describe("the line that made a line of the history", () => {
  const source = { path: "Dockerfile", text: TEXT };

  test.each([
    ["RUN /bin/sh -c apt-get update     && apt-get install -y  curl # buildkit", 5],
    ["RUN |1 TARGETARCH=arm64 /bin/sh -c cd sub && make # buildkit", 18],
    ["RUN /bin/bash -o pipefail -c cd sub && make # buildkit", 18],
    ["RUN |1 TARGETARCH=arm64 /bin/sh -c make # buildkit", 32],
    ["COPY --chown=1000:1000 /out/server-arm64 /server # buildkit", 12],
    ["COPY <<config /etc/config # buildkit", 14],
    ["RUN |1 TARGETARCH=arm64 /bin/tool --flag # buildkit", 19],
    ["RUN |1 TARGETARCH=arm64 /bin/sh -c set -e\necho hi\n # buildkit", 20],
    ["RUN |1 TARGETARCH=arm64 /dev/pipes/SCRIPT # buildkit", 24],
    ["RUN |1 TARGETARCH=arm64 /bin/sh -c cat <<ONE >/one\n1\nONE # buildkit", 28],
    ["ADD https://example.org/x.tar /opt/ # buildkit", 31],
    ["WORKDIR /srv/app", 11],
    ["ENV A=1 B=2", 8],
    ['ENTRYPOINT ["/server"]', 33],
    ["/bin/sh -c make", 32],
    ["|1 TARGETARCH=arm64 /bin/sh -c cd sub && make", 18],
    ["/bin/sh -c #(nop) COPY file:0123abc in /server ", 12],
    ["/bin/sh -c #(nop) ADD file:0123abc in /opt/ ", 31],
    ['/bin/sh -c #(nop)  ENTRYPOINT ["/server"]', 33],
    ["COPY server /server # buildkit", undefined],
    ["RUN /bin/sh -c xmake # buildkit", undefined],
    ["/bin/sh -c #(nop) ADD file:0123abc in / ", undefined],
    ['CMD ["bash"]', undefined],
    ["", undefined],
  ])("%j is line %s", (createdBy, line) => {
    const found = findInstruction(source, createdBy);
    expect(found && position(found.file, found.range.start).line).toBe(line);
  });

  test("in the stage that was built", () => {
    const request = { platform: platform("linux/arm64"), args: {}, contexts: {}, target: "build" };
    const found = findInstruction(source, "COPY server /server # buildkit", request);
    expect(found && position(source, found.range.start).line).toBe(3);
  });

  test("what ONBUILD of a stage did", () => {
    const text = "FROM a AS base\nONBUILD RUN make\nFROM base\n";
    const found = findInstruction({ path: "Dockerfile", text }, "RUN /bin/sh -c make # buildkit");
    expect(found && text.slice(found.range.start, found.range.end)).toBe("RUN make");
  });

  test("none in a Dockerfile that cannot be read", () => {
    expect(findInstruction({ path: "Dockerfile", text: "RUNN make" }, "RUN make")).toBeUndefined();
  });
});
