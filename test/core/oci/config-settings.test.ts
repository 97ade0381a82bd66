import * as fc from "fast-check";
import { expect, test } from "vitest";
import { configSettings } from "../../../core/oci/config-settings.ts";

const read = (config: unknown): readonly (readonly [string, string])[] => [
  ...configSettings(Buffer.from(JSON.stringify(config))),
];

test("each setting by its name, what matters most first", () => {
  const config = {
    Labels: { b: "2", a: "1" },
    Env: ["PATH=/bin:/usr/bin", "EMPTY=", "ODD"],
    Cmd: ["serve", "--port"],
    Entrypoint: ["/app"],
    User: "1000:1000",
    WorkingDir: "/srv",
    ExposedPorts: { "80/tcp": {} },
    Volumes: null,
    StopSignal: "SIGINT",
    Healthcheck: { Test: ["CMD", "true"], Interval: 3 },
    OnBuild: null,
    ArgsEscaped: false,
    AttachStdin: false,
    Hostname: "",
  };
  expect(read({ os: "linux", created: "2026-01-01T00:00:00Z", author: "me", config, history: [{}] })).toEqual(
    [
      ["entrypoint", '["/app"]'],
      ["cmd", '["serve","--port"]'],
      ["user", "1000:1000"],
      ["working dir", "/srv"],
      ["env EMPTY", ""],
      ["env ODD", ""],
      ["env PATH", "/bin:/usr/bin"],
      ["exposed port 80/tcp", ""],
      ["label a", "1"],
      ["label b", "2"],
      ["created", "2026-01-01T00:00:00Z"],
      ["author", "me"],
      ["healthcheck", '{"Test":["CMD","true"],"Interval":3}'],
      ["stop signal", "SIGINT"],
    ],
  );
});

test.each([
  ["not JSON", Buffer.from("<")],
  ["no object", Buffer.from("[]")],
])("%s sets nothing", (_, bytes) => {
  expect([...configSettings(bytes)]).toEqual([]);
});

test("any config has an answer, whatever stands in it", () => {
  fc.assert(
    fc.property(
      fc.jsonValue(),
      fc.constantFrom("Env", "Labels", "Cmd", "__proto__", "constructor"),
      (value, field) => {
        const text = `{"config":{${JSON.stringify(field)}:${JSON.stringify(value)}}}`;
        for (const [name, each] of configSettings(Buffer.from(text)))
          expect([typeof name, typeof each]).toEqual(["string", "string"]);
      },
    ),
  );
});
