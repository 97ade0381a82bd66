import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { readInputs, variable } from "./step.ts";

/* The real buildx makes the builder and uses it; where the real action starts a BuildKit in a container, it is the test's. */

readInputs(["driver", "driver-opts", "buildkitd-config-inline", "install", "use", "cache-binary", "cleanup"]);
const name = `builder-${randomUUID()}`;
const create = ["buildx", "create", "--name", name, "--driver", "remote", "--use"];
execFileSync("docker", [...create, variable("RIG_BUILDKIT")], { stdio: "inherit" });
