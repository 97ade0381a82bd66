import { dirname } from "node:path";
import { addPath, readInputs, variable } from "./step.ts";

/* The cosign that `npm test` has built; no other step finds it. */

readInputs(["cosign-release", "install-dir"]);
addPath(dirname(variable("RIG_COSIGN")));
